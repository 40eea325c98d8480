// The sample project as the engine really gave it: figures of a demo run, cut down.

import type {
  BaseInfo,
  EvaluationInfo,
  FakesInfo,
  Field,
  Preset,
  RunConfig,
  RunInfo,
  RunKind,
  SourceInfo,
  SplitInfo,
} from "../api";
import { compared } from "./compared";

/** The day the demo was made. */
export const MADE = 1_795_609_345_537;

export const source: SourceInfo = {
  id: 1,
  name: "synthetic threads",
  path: "/home/ada/Repartee/synthetic.ndjson",
  format: "pushshift",
  origin: "synthetic",
  permission: "synthetic",
  note: "made by Repartee's own generator; no person wrote any of it",
  counts: {
    rows: 7673,
    comments: 7073,
    posts: 600,
    new: 7673,
    newer: 0,
    known: 0,
    rejected: 0,
    dropped: {},
    nul: 0,
    stray_quotes: 0,
  },
  complete: true,
  already: false,
  label: { note: "", tags: [] },
  created_ms: MADE,
};

export const table: SourceInfo = {
  id: 2,
  name: "answers.csv",
  path: "/home/ada/data/answers.csv",
  format: "mapped",
  origin: "forum",
  permission: "unknown",
  note: "",
  counts: {
    rows: 1204,
    comments: 2398,
    posts: 0,
    new: 2398,
    newer: 0,
    known: 0,
    rejected: 3,
    dropped: { empty: 2 },
    nul: 0,
    stray_quotes: 0,
  },
  complete: true,
  already: false,
  label: { note: "", tags: [] },
  created_ms: MADE + 86_400_000,
};

export const rejected = [
  {
    line: 17,
    reason: 'column 3 (score): "many" is no whole number',
    excerpt: "How long do you let it rest?,Overnight,many",
  },
  { line: 402, reason: "2 fields, expected 3", excerpt: "Any ideas?,Check the hanger" },
  { line: 1103, reason: "not UTF-8 from byte 41 on", excerpt: "So, my curry always tastes flat\u{fffd}" },
];

const near = { min_words: 8, shingle: 3, threshold: 0.8 };

export const split: SplitInfo = {
  name: "main",
  seed: 1,
  config: { edges: [1, 6, 11], near, shares: { train: 0.8, val: 0.1, test: 0.1 } },
  sides: [
    { side: "train", pairs: 3945, threads: 459, scored: 3862, bins: [866, 1002, 951, 1043] },
    { side: "val", pairs: 493, threads: 74, scored: 484, bins: [131, 145, 72, 136] },
    { side: "test", pairs: 492, threads: 67, scored: 480, bins: [127, 137, 72, 144] },
  ],
  audit: {
    name: "main",
    clean: true,
    pairs: 4930,
    texts: 9860,
    near,
    torn_threads: 0,
    twin_texts: 0,
    examples: [],
    at_ms: MADE + 200,
  },
  label: { note: "", tags: [] },
  created_ms: MADE + 150,
};

export const bases: BaseInfo[] = [
  {
    name: "small-gpt2",
    kind: "gpt2",
    origin: "from scratch, seed 1, tokenizer of the train side of split main",
    parameters: 1_027_712,
    bytes: 4_151_487,
    layers: 4,
    width: 128,
    context: 128,
    vocabulary: 1703,
    label: { note: "", tags: [] },
    created_ms: MADE + 500,
    deleted_content: false,
  },
  {
    name: "small-bert",
    kind: "bert",
    origin: "from scratch, seed 1, tokenizer of the train side of split main",
    parameters: 477_314,
    bytes: 1_924_622,
    layers: 3,
    width: 96,
    context: 128,
    vocabulary: 1246,
    label: { note: "", tags: [] },
    created_ms: MADE + 800,
    deleted_content: false,
  },
];

const every: RunKind[] = ["generator", "realism", "upvotes"];
const judges: RunKind[] = ["realism", "upvotes"];

const ESSENTIAL = [
  "name",
  "base",
  "split",
  "fakes",
  "epochs",
  "steps",
  "batch_size",
  "learning_rate",
  "max_tokens",
  "class_weights",
];
const SHARES = ["warmup", "real_share"];

export const fields: Field[] = (
  [
    ["kind", "choice", "generator, realism or upvotes.", every, every],
    ["name", "text", "A name for the run; empty: the kind and a number.", every],
    ["base", "base", "The base to start from; empty: the only one of the right kind.", every],
    ["split", "split", "The split to train on.", every],
    ["fakes", "fakes", "Realism: the set of fakes; empty: the only one of the split.", ["realism"]],
    ["epochs", "number", "Passes over the train side. Not looked at when steps is set.", every],
    ["steps", "integer", "Optimizer steps; 0: as many as the epochs take.", every],
    ["batch_size", "integer", "Examples in a batch. The largest that fits the memory is fastest.", every],
    [
      "accumulate",
      "integer",
      "Batches in an optimizer step: batch_size times this is what a step learns from.",
      every,
    ],
    ["limit", "integer", "Examples of the train side, at most, drawn by the seed; 0: all.", every],
    [
      "max_tokens",
      "integer",
      "The longest example, in tokens. Half of it at least is kept for the reply.",
      every,
    ],
    [
      "loss",
      "choice",
      'Generator: "reply" counts the loss on the reply only, "all" on the comment too.',
      ["generator"],
      ["reply", "all"],
    ],
    [
      "learning_rate",
      "number",
      "Peak learning rate. 5e-5 suits fine-tuning; a small model from scratch takes 1e-3.",
      every,
    ],
    [
      "warmup",
      "number",
      "The share of all steps in which the learning rate rises from 0 to its peak.",
      every,
    ],
    [
      "decay",
      "choice",
      'How the learning rate falls after that: "linear", "cosine" or "constant".',
      every,
      ["linear", "cosine", "constant"],
    ],
    ["weight_decay", "number", "AdamW's weight decay, on matrices only.", every],
    ["clip_norm", "number", "Gradients longer than this are scaled down to it; 0: never.", every],
    [
      "dropout",
      "number",
      "Dropout probability everywhere in the model; below 0: what the base's config says.",
      every,
    ],
    [
      "class_weights",
      "choice",
      'Classifiers: "none", or "balanced" so that rare classes count as much as frequent ones.',
      judges,
      ["none", "balanced"],
    ],
    [
      "real_share",
      "number",
      "Realism: the share of real replies among the examples, between 0 and 1.",
      ["realism"],
    ],
    ["validate_every", "integer", "Steps from one validation to the next; 0: ten times in the run.", every],
    ["validate_limit", "integer", "Examples of the val side that are validated on, at most; 0: all.", every],
    [
      "save_every",
      "integer",
      "Steps from one save to the next; 0: every three minutes. What a killed run goes on from.",
      every,
    ],
    [
      "patience",
      "integer",
      "Stop when so many validations in a row brought nothing better; 0: never.",
      every,
    ],
    [
      "samples",
      "integer",
      "Generator: replies drawn to comments of the val side at each validation.",
      ["generator"],
    ],
    [
      "seed",
      "integer",
      "Names all randomness of the run. The same seed on the same machine gives the same bits.",
      every,
    ],
    ["device", "choice", "auto, cpu, cuda or metal.", every, ["auto", "cpu"]],
  ] as [string, Field["type"], string, RunKind[], string[]?][]
).map(([name, type, help, kinds, choices]) => ({
  name,
  type,
  help,
  kinds,
  choices: choices ?? [],
  least: type === "integer" || (type === "number" && name !== "dropout") ? 0 : null,
  most: SHARES.includes(name) ? 1 : null,
  essential: ESSENTIAL.includes(name),
}));

export function defaults(kind: RunKind): RunConfig {
  const judge = kind !== "generator";
  return {
    kind,
    name: "",
    base: "",
    split: "main",
    fakes: "",
    epochs: 3,
    steps: 0,
    batch_size: judge ? 16 : 8,
    accumulate: 1,
    limit: 0,
    max_tokens: judge ? 128 : 256,
    loss: "reply",
    learning_rate: 5e-5,
    warmup: 0.1,
    decay: "linear",
    weight_decay: 0.01,
    clip_norm: 1,
    dropout: -1,
    class_weights: "none",
    real_share: 0.5,
    validate_every: 0,
    validate_limit: 1000,
    save_every: 0,
    patience: judge ? 4 : 0,
    samples: 3,
    seed: 1,
    device: "auto",
  };
}

/** A run config as TOML: flat, and its values are written as in JSON. */
export function toml(config: RunConfig): string {
  return Object.entries(config)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
    .join("");
}

export function ofToml(text: string): RunConfig {
  const lines = [...text.matchAll(/^(\w+) = (.+)$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name, JSON.parse(value ?? "")])) as RunConfig;
}

export function presets(kind: RunKind): Preset[] {
  const of = (changes: Partial<RunConfig>): RunConfig => ({ ...defaults(kind), ...changes });
  return [
    {
      name: "try it out",
      help: "A few minutes: few examples and steps, to see that everything fits together.",
      config: of({ steps: 50, limit: 500, validate_limit: 100 }),
    },
    {
      name: "fine-tune",
      help: "A pretrained base, three passes over the data, a small learning rate.",
      config: of({ epochs: 3, learning_rate: 5e-5 }),
    },
    {
      name: "from scratch",
      help: "A small base with random weights: more passes, a larger learning rate.",
      config: of({ epochs: 10, learning_rate: 1e-3, dropout: 0.1 }),
    },
  ];
}

const demo = (kind: RunKind, name: string, steps: number): RunConfig => ({
  ...defaults(kind),
  name,
  steps,
  batch_size: 32,
  max_tokens: 96,
  learning_rate: 0.001,
  dropout: 0.1,
  validate_limit: 200,
  samples: 2,
  patience: 0,
});

export const settings: Record<string, RunConfig> = {
  writer: demo("generator", "writer", 300),
  judge: demo("realism", "judge", 450),
  votes: demo("upvotes", "votes", 250),
};

const facts = {
  split: "main",
  device: "cpu",
  threads: 2,
  val_examples: 200,
  class_weights: [],
  version: "0.1.0",
};

export const runs: RunInfo[] = [
  {
    name: "writer",
    kind: "generator",
    state: "done",
    usable: true,
    job: "job-writer",
    config: "",
    step: 300,
    facts: {
      ...facts,
      base: "small-gpt2",
      fakes: null,
      parameters: 1_027_712,
      train_examples: 3945,
      classes: [],
      steps: 300,
      padding: 0.0101,
      estimated_bytes: 142_738_432,
      estimated_seconds: 32.3,
    },
    loss: 1.642,
    best_loss: 1.9588563876695504,
    samples: [
      [
        30,
        "It started 19 evenings ago after a weekend away: my pepper plant grows tall and thin.",
        "my the it and the a it",
      ],
      [
        150,
        "It started 19 evenings ago after a weekend away: my pepper plant grows tall and thin.",
        "Nine jacket and wait 2 evenings.",
      ],
      [
        300,
        "It started 19 evenings ago after a weekend away: my pepper plant grows tall and thin.",
        "Most likely it wants more light. Give it 13 evenings and ask again.",
      ],
      [
        300,
        "Beginner here: there are tiny flies around my lemon tree in an old barn & nothing helps.",
        "Did you try to water it less? Then let the soil dry out for 9 days.",
      ],
    ],
    label: { note: "", tags: [] },
    created_ms: MADE + 1151,
    deleted_content: false,
  },
  {
    name: "judge",
    kind: "realism",
    state: "done",
    usable: true,
    job: "job-judge",
    config: "",
    step: 450,
    facts: {
      ...facts,
      base: "small-bert",
      fakes: "fakes",
      parameters: 477_314,
      train_examples: 3534,
      classes: [1767, 1767],
      steps: 450,
      padding: 0.0146,
      estimated_bytes: 80_406_560,
      estimated_seconds: 15.8,
    },
    loss: 0.3412,
    best_loss: 0.5022709834575653,
    samples: [],
    label: { note: "", tags: [] },
    created_ms: MADE + 76_877,
    deleted_content: false,
  },
  {
    name: "votes",
    kind: "upvotes",
    state: "done",
    usable: true,
    job: "job-votes",
    config: "",
    step: 250,
    facts: {
      ...facts,
      base: "small-bert",
      fakes: null,
      parameters: 477_508,
      train_examples: 3862,
      classes: [866, 1002, 951, 1043],
      steps: 250,
      padding: 0.0117,
      estimated_bytes: 76_452_928,
      estimated_seconds: 9,
    },
    loss: 0.2295,
    best_loss: 0.33655687391757966,
    samples: [],
    label: { note: "", tags: [] },
    created_ms: MADE + 118_936,
    deleted_content: false,
  },
];

export const fakes: FakesInfo = {
  name: "fakes",
  split: "main",
  config: {
    generator: "writer",
    step: 300,
    template: { separator: " [SEP]", max_tokens: 96 },
    decode: { max_new_tokens: 48, repetition_penalty: 1, seed: 1, temperature: 1, top_k: 40, top_p: 1 },
    replies: 1,
    comments: [4000, 200, 400],
    device: "cpu",
  },
  fakes: [1767, 200, 217],
  label: { note: "", tags: [] },
  created_ms: MADE + 68_574,
  deleted_content: false,
  left_out: { count: 0, items: [] },
};

const measured = {
  checkpoint: "best",
  batch: 32,
  device: "cpu",
  limit: 0,
  seed: 1,
  threads: 2,
  version: "0.1.0",
};

const measurements: Omit<EvaluationInfo, "compared">[] = [
  {
    id: 1,
    run: "writer",
    split: "main",
    side: "test",
    fakes: null,
    config: { ...measured, kind: "generator", step: 300, classes: [], threshold: null, fakes: null },
    figures: {
      of: "generator",
      examples: 492,
      tokens: 8162,
      loss: 1.975440412898532,
      perplexity: 7.209794241084102,
      unigram_perplexity: 223.87613165268763,
      chance_perplexity: 1703,
    },
    label: { note: "", tags: [] },
    name: "",
    created_ms: MADE + 141_863,
    deleted_content: false,
    left_out: { count: 0, items: [] },
  },
  {
    id: 2,
    run: "judge",
    split: "main",
    side: "test",
    fakes: "fakes",
    config: {
      ...measured,
      kind: "realism",
      step: 180,
      classes: ["fake", "real"],
      threshold: 0.5,
      fakes: fakes.config,
    },
    figures: {
      of: "classifier",
      examples: 434,
      threshold: 0.5,
      auc: 0.7561213871604834,
      micro_auc: null,
      accuracy: 0.7396313364055299,
      f1: 0.7182044887780549,
      precision: 0.782608695652174,
      recall: 0.663594470046083,
      log_loss: 0.5662374951522566,
      average_precision: 0.7486,
      brier: 0.18984240121177387,
      calibration_error: 0.07480421985074671,
      quadratic_kappa: null,
      spearman: null,
      classes: [
        {
          name: "fake",
          examples: 217,
          tp: 177,
          fp: 73,
          tn: 144,
          fn: 40,
          precision: 0.708,
          recall: 0.8157,
          f1: 0.758,
          auc: 0.7561,
          average_precision: 0.689,
        },
        {
          name: "real",
          examples: 217,
          tp: 144,
          fp: 40,
          tn: 177,
          fn: 73,
          precision: 0.7826,
          recall: 0.6636,
          f1: 0.7182,
          auc: 0.7561,
          average_precision: 0.7486,
        },
      ],
      confusion: [
        [177, 40],
        [73, 144],
      ],
      baseline: {
        majority_accuracy: 0.5,
        prior_log_loss: 0.6931471805599467,
        prior_brier: 0.25,
        prior_average_precision: 0.5,
        unigram_auc: 0.7160483340058188,
        unigram_accuracy: 0.6866359447004609,
      },
    },
    label: { note: "", tags: [] },
    name: "",
    created_ms: MADE + 142_355,
    deleted_content: false,
    left_out: { count: 0, items: [] },
  },
  {
    id: 3,
    run: "votes",
    split: "main",
    side: "test",
    fakes: null,
    config: {
      ...measured,
      kind: "upvotes",
      step: 250,
      threshold: null,
      fakes: null,
      classes: ["score below 1", "score 1 to 5", "score 6 to 10", "score 11 and up"],
    },
    figures: {
      of: "classifier",
      examples: 480,
      threshold: null,
      auc: 0.9645270168969152,
      micro_auc: 0.9816362847222222,
      accuracy: 0.8895833333333333,
      f1: 0.8843907742150434,
      precision: 0.8941997851772288,
      recall: 0.8994051382263348,
      log_loss: 0.3102915630646976,
      average_precision: 0.8603,
      brier: 0.1612,
      calibration_error: 0.0417,
      quadratic_kappa: 0.7972743829680337,
      spearman: 0.7658695630006522,
      classes: [
        {
          name: "score below 1",
          examples: 127,
          tp: 100,
          fp: 0,
          tn: 353,
          fn: 27,
          precision: 1,
          recall: 0.7874,
          f1: 0.8811,
          auc: 0.9546,
          average_precision: 0.9211,
        },
        {
          name: "score 1 to 5",
          examples: 137,
          tp: 111,
          fp: 0,
          tn: 343,
          fn: 26,
          precision: 1,
          recall: 0.8102,
          f1: 0.8952,
          auc: 0.9791,
          average_precision: 0.9586,
        },
        {
          name: "score 6 to 10",
          examples: 72,
          tp: 72,
          fp: 26,
          tn: 382,
          fn: 0,
          precision: 0.7347,
          recall: 1,
          f1: 0.8471,
          auc: 0.9666,
          average_precision: 0.7252,
        },
        {
          name: "score 11 and up",
          examples: 144,
          tp: 144,
          fp: 27,
          tn: 309,
          fn: 0,
          precision: 0.8421,
          recall: 1,
          f1: 0.9143,
          auc: 0.9579,
          average_precision: 0.8364,
        },
      ],
      confusion: [
        [100, 0, 0, 27],
        [0, 111, 26, 0],
        [0, 0, 72, 0],
        [0, 0, 0, 144],
      ],
      baseline: {
        majority_accuracy: 0.3,
        prior_log_loss: 1.349,
        prior_brier: 0.736,
        prior_average_precision: 0.25,
        unigram_auc: 0.928829088408086,
        unigram_accuracy: 0.8416666666666667,
      },
    },
    label: { note: "", tags: [] },
    name: "",
    created_ms: MADE + 142_890,
    deleted_content: false,
    left_out: { count: 0, items: [] },
  },
];

export const evaluations: EvaluationInfo[] = measurements.map((one) => ({
  ...one,
  compared: compared(one.figures),
}));
