// An in-memory engine with the same commands and result types, and simulated jobs at adjustable speed. For
// component tests and for development in a plain browser.

import type {
  AgainStep,
  Answered,
  AppEvent,
  BaseInfo,
  BaseNew,
  CandidateInfo,
  ClassifierFigures,
  Code,
  Criteria,
  DeletedContent,
  EngineError,
  Evaluate,
  EvaluationInfo,
  Excluded,
  FakesInfo,
  Family,
  Generate,
  Generated,
  Import,
  ItemInfo,
  ItemKind,
  JobInfo,
  JobLine,
  Label,
  MakeFakes,
  MakeSplit,
  NextStep,
  Overview,
  PairRow,
  Partition,
  RecentShown,
  ReplyInfo,
  ReplyStory,
  RunConfig,
  RunInfo,
  RunKind,
  Settings,
  Signal,
  SourceInfo,
  SplitInfo,
  ViewPairs,
} from "../api";
import type { Command, Params, Result } from "../index";
import { compared } from "./compared";
import { dependentsOf, ITEM_FAMILIES, type Named, namesIn } from "./items";
import * as pictures from "./pictures";
import { FakeReddit, NOT_SHOWN } from "./reddit";
import * as sample from "./sample";
import { FakeStudy, originOf } from "./study";
import { chance, one, pair, written } from "./words";

export interface FakeOptions {
  /** The project that is open at startup. */
  project?: "full" | "empty" | "none";
  /** Rows of the pairs table; rows beyond those of the sample are generated. */
  pairs?: number;
  /** Speed of jobs relative to a small machine. */
  speed?: number;
  /** Response time in milliseconds. */
  delay?: number;
  settings?: Partial<Settings>;
  /** Errors by command. */
  failing?: Partial<Record<Command, EngineError>>;
}

export interface Phase {
  phase: string;
  total: number;
  unit: string;
  seconds: number;
  note?: (share: number) => string;
  next?: { reply: number; at_ms: number };
  tick?: (done: number) => void;
}

interface Work {
  phases: Phase[];
  at: number;
  done: number;
  timer: ReturnType<typeof setInterval> | undefined;
  finish: () => unknown;
}

const TICK_MS = 100;

export function fail(code: Code, message: string, detail: string[] = []): never {
  throw { code, message, detail } satisfies EngineError;
}

export class FakeEngine {
  sources: SourceInfo[] = [];
  pairs = 0;
  splits: SplitInfo[] = [];
  excluded: Excluded = { pairs: [], authors: [] };
  bases: BaseInfo[] = [];
  runs: RunInfo[] = [];
  fakes: FakesInfo[] = [];
  evaluations: EvaluationInfo[] = [];
  generations: Generated[] = [];
  /** Names, notes and tags of generations by ID. */
  generationLabels = new Map<number, { name: string; label: Label }>();
  replies: ReplyStory[] = [];
  jobs: JobInfo[] = [];
  logs: Record<string, JobLine[]> = {};
  path: string | null = null;
  study = new FakeStudy(this);
  /** Number of windows showing the project. */
  windows = 1;
  settings: Settings = {
    theme: "system",
    device: "auto",
    threads: 0,
    folder: "/home/ada/Repartee",
    person: "Ada",
    notify: true,
    maintenance: true,
    keep_awake: true,
    text: 100,
  };
  recent: RecentShown[] = [
    {
      path: "/home/ada/Repartee/sample.repartee",
      name: "sample",
      bytes: 28_606_464,
      opened_ms: Date.now() - 3_600_000,
    },
    {
      path: "/home/ada/Repartee/climbing-advice.repartee",
      name: "climbing-advice",
      bytes: 1_940_000_000,
      opened_ms: Date.now() - 4 * 86_400_000,
    },
    {
      path: "/media/stick/old.repartee",
      name: "old",
      bytes: null,
      opened_ms: Date.now() - 40 * 86_400_000,
    },
  ];
  /** All calls, for tests. */
  asked: { name: Command; params: unknown }[] = [];

  #ears = new Set<(event: AppEvent) => void>();
  #work = new Map<string, Work>();
  #views = new Map<string, { query: ViewPairs; rows: number[] | null; total: number }>();
  #made = 0;
  #dirty = new Set<string>();
  #flush: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly options: FakeOptions = {}) {
    Object.assign(this.settings, options.settings);
    if (options.project === "none") return;
    this.path = "/home/ada/Repartee/sample.repartee";
    if (options.project !== "empty") this.fill();
  }

  fill(): void {
    this.sources = [structuredClone(sample.source), structuredClone(sample.table)];
    this.pairs = this.options.pairs ?? 4930;
    this.splits = [structuredClone(sample.split)];
    this.bases = structuredClone(sample.bases);
    this.runs = structuredClone(sample.runs);
    for (const run of this.runs)
      run.config = sample.toml(sample.settings[run.name] ?? sample.defaults(run.kind));
    this.fakes = [structuredClone(sample.fakes)];
    this.evaluations = structuredClone(sample.evaluations);
    this.generations = [
      this.#generated(1, {
        ...emptyGenerate(),
        stored: [],
        context: false,
        unseen: 5,
        candidates: 8,
        criteria: { min_p_real: 0.5, max_chars: 1000, per_thread: 1 },
      }),
    ];
    const states = ["draft", "draft", "draft", "approved", "posted", "rejected", "draft"] as const;
    for (const [n, state] of states.entries()) this.replies.push(this.#reply(n + 1, state));
    this.reddit.fill();
    const kinds = ["import", "pairs", "split", "train", "fakes", "train", "evaluate", "generate"];
    this.jobs = kinds
      .map(
        (kind, n) =>
          ({
            id: `job-${n + 1}`,
            kind,
            state: n === 4 ? "cancelled" : "done",
            want: null,
            outcome: null,
            progress: {
              phase: kind === "train" ? "training writer" : kind,
              done: 300,
              total: 300,
              unit: "steps",
              note: kind === "train" ? "loss 1.6420, 9391 tokens/s" : "",
              eta_s: 0,
            },
            params:
              kind === "train"
                ? { config: sample.toml(sample.settings[n === 3 ? "writer" : "judge"] as RunConfig) }
                : kind === "import"
                  ? { files: [sample.source.path] }
                  : kind === "evaluate"
                    ? { run: "judge" }
                    : { name: "main" },
            created_ms: sample.MADE + n * 20_000,
            ended_ms: sample.MADE + n * 20_000 + 18_000,
            place: null,
            stops_queue: false,
          }) satisfies JobInfo,
      )
      .reverse();
    for (const job of this.jobs)
      this.logs[job.id] = [
        {
          at_ms: job.created_ms,
          text: "every parameter has a gradient; 473472 parameters are decayed, 4036 not",
        },
        { at_ms: job.created_ms + 9_000, text: "step 150: validation loss 2.0410, the best so far" },
        { at_ms: job.created_ms + 18_000, text: "step 300: validation loss 1.9589, the best so far" },
      ];
  }

  listen(heard: (event: AppEvent) => void): () => void {
    this.#ears.add(heard);
    return () => this.#ears.delete(heard);
  }

  send(event: AppEvent): void {
    for (const ear of this.#ears) ear(event);
  }

  /** Announces changed tables, at most five times a second. */
  changed(...families: string[]): void {
    for (const family of families) this.#dirty.add(family);
    this.#flush ??= setTimeout(() => {
      this.#flush = undefined;
      const some = [...this.#dirty];
      this.#dirty.clear();
      this.send({ event: "changed", families: some as Family[] });
    }, 50);
  }

  /** Drops all views of pairs, as after a change. */
  forgetViews(): void {
    this.#views.clear();
  }

  stop(): void {
    for (const work of this.#work.values()) clearInterval(work.timer);
    clearTimeout(this.#flush);
    this.#ears.clear();
  }

  async call<C extends Command>(name: C, params: Params<C>): Promise<Result<C>> {
    // parameters and results pass through JSON, as on the wire
    const given = JSON.parse(JSON.stringify(params)) as Params<C>;
    this.asked.push({ name, params: given });
    await new Promise((done) => setTimeout(done, this.options.delay ?? 0));
    const failing = this.options.failing?.[name];
    if (failing) throw failing;
    const answer = (this.#commands[name] as (params: Params<C>) => unknown).call(this, given);
    return JSON.parse(JSON.stringify(answer ?? null)) as Result<C>;
  }

  // ---- commands ------------------------------------------------------------------------------------

  readonly reddit = new FakeReddit(this);

  readonly #commands: { [C in Command]: (params: Params<C>) => Result<C> } = {
    ...this.reddit.commands,
    "app.get": () => ({
      version: "0.1.0",
      recent: this.recent,
      settings: this.settings,
      folder: this.settings.folder || "/home/ada",
      platform: "linux",
      cores: 8,
      devices: ["auto", "cpu", "cuda"],
      project: this.#info(),
    }),
    "app.settings": (settings) => {
      if (settings.threads > 64) fail("usage", "threads is 900; it must be between 0 and 64");
      this.settings = { ...settings };
      return this.settings;
    },
    "app.forget": ({ path }) => {
      this.recent = this.recent.filter((r) => r.path !== path);
      return null;
    },
    "app.doctor": () => ({
      findings: [
        { what: "program", verdict: "good", text: "repartee 0.1.0, linux x86_64, SQLite 3.53.2" },
        { what: "processor", verdict: "good", text: "8 cores, AVX2 and FMA" },
        {
          what: "memory",
          verdict: "note",
          text: "4.1 GiB free of 15.4 GiB; fine-tuning GPT-2 (124M) needs about 5 GiB, so take smaller batches or a smaller base",
        },
        { what: "device", verdict: "good", text: "auto is cpu" },
        { what: "disk", verdict: "good", text: "76.4 GiB free in /home/ada/Repartee" },
        {
          what: "hub",
          verdict: "bad",
          text: "huggingface.co does not answer; bases by name cannot be fetched, those in folders can",
        },
      ],
    }),
    "file.preview": ({ path }) => this.#preview(path),
    "project.create": ({ path }) => {
      if (path.includes("sample"))
        fail("exists", `there is a file ${path} already; give another name, or open it`);
      this.#wipe();
      this.path = path;
      return this.#info() ?? fail("internal", "no project");
    },
    "project.open": ({ path }) => {
      if (!path.endsWith(".repartee"))
        fail("not-a-project", `${path} is not a Repartee project`, ["its first bytes are those of a PNG"]);
      if (path.includes("stick")) fail("not-found", `there is no file ${path}`);
      this.path = path;
      if (this.sources.length === 0) this.fill();
      return this.#info() ?? fail("internal", "no project");
    },
    "project.sample": () => {
      this.#wipe();
      this.path = "/home/ada/Repartee/sample.repartee";
      return this.#info() ?? fail("internal", "no project");
    },
    "project.close": () => {
      this.path = null;
      return null;
    },
    "project.windows": () => this.windows,
    overview: () => this.#overview(),
    sources: () => this.sources,
    "source.permit": ({ source, permission, note }) => {
      const found = this.sources.find((s) => s.id === source);
      if (!found) return fail("not-found", `there is no source ${source}`);
      Object.assign(found, { permission, note });
      this.changed("sources");
      return found;
    },
    "source.origin": ({ source, origin }) => {
      const found = this.sources.find((s) => s.id === source);
      if (!found) return fail("not-found", `there is no source ${source}`);
      found.origin = origin;
      this.changed("sources");
      return found;
    },
    study: () => this.study.shown(),
    "study.record": ({ records, who }) => this.study.record(records, who),
    "study.end": ({ kind, note, who }) => this.study.end(kind, note, who),
    "study.strict": ({ on }) => this.study.setStrict(on),
    "study.train": () => ({ refused: this.study.refusal() }),
    "import.question": ({ import: ask }) => this.study.question(ask),
    "source.rejected": ({ source, after, limit }) =>
      (source === 2 ? sample.rejected : []).filter((r) => r.line > after).slice(0, limit),
    "pairs.view": (query) => this.#view(query),
    "pairs.rows": ({ view, from, count }) => {
      const found = this.#views.get(view) ?? fail("not-found", "this view is gone; ask for it again");
      const rows: PairRow[] = [];
      for (let i = from; i < Math.min(found.total, from + count); i += 1)
        rows.push(this.#row(found.rows ? (found.rows[i] ?? 0) : i));
      return rows;
    },
    "pairs.chart": ({ figure }) => pictures.pairs(figure, Math.min(this.pairs, 5000)),
    "pairs.chart.save": ({ files }) => files,
    "pairs.subreddits": () => [
      ["SampleBikes", 1075],
      ["SampleGuitars", 1004],
      ["SampleCooking", 974],
      ["SampleHiking", 942],
      ["SampleGardening", 935],
    ],
    "pair.get": ({ id }) => this.#row(Number(id)),
    "pairs.exclude": ({ pairs, authors, reason }) => {
      if (!reason.trim()) fail("usage", "say why: an exclusion needs a reason");
      const at_ms = Date.now();
      const { excluded } = this;
      excluded.pairs = excluded.pairs.filter((one) => !pairs.includes(one.id));
      excluded.pairs.unshift(...pairs.map((id) => ({ id, reason, at_ms })));
      excluded.authors = excluded.authors.filter((one) => !authors.includes(one.name));
      excluded.authors.push(...authors.map((name) => ({ name, reason, at_ms, pairs: 1 })));
      this.#curated();
      return excluded;
    },
    "pairs.include": ({ pairs, authors }) => {
      const { excluded } = this;
      for (const id of pairs)
        if (!excluded.pairs.some((one) => one.id === id))
          fail("not-found", `there is no excluded pair ${id}`);
      excluded.pairs = excluded.pairs.filter((one) => !pairs.includes(one.id));
      excluded.authors = excluded.authors.filter((one) => !authors.includes(one.name));
      this.#curated();
      return excluded;
    },
    "pairs.excluded": () => this.excluded,
    labels: ({ edges }) => {
      if (edges && !(edges[0] < edges[1] && edges[1] < edges[2]))
        fail("usage", `the edges ${edges.join(", ")} must rise`);
      const use = edges ?? [1, 6, 11];
      const bins: [number, number, number, number] = [0, 0, 0, 0];
      let unscored = 0;
      const n = Math.min(this.pairs, 5000);
      for (let i = 0; i < n; i += 1) {
        const { score } = pair(i);
        if (score === null) unscored += 1;
        else
          bins[use.filter((edge) => score >= edge).length] =
            (bins[use.filter((edge) => score >= edge).length] ?? 0) + 1;
      }
      return {
        edges: n > 0 ? (use as [number, number, number]) : null,
        bins,
        unscored,
        quartiles: n > 0 ? [1, 6, 11] : null,
      };
    },
    splits: () => this.splits,
    bases: () => this.bases,
    "base.estimate": (base) => {
      // the texts of the sample limit the vocabulary
      const vocabulary = Math.min(base.vocab, 1703);
      const parameters =
        vocabulary * base.width +
        base.context * base.width +
        base.layers * (12 * base.width ** 2 + 13 * base.width) +
        2 * base.width;
      return { parameters, bytes: 4 * parameters, vocabulary, at_most: false };
    },
    "run.fields": () => sample.fields,
    "run.defaults": ({ kind }) => sample.defaults(kind),
    "run.presets": ({ kind }) => sample.presets(kind),
    "run.toml": ({ config }) => ({ toml: sample.toml(config) }),
    "run.read": ({ toml }) => sample.ofToml(toml),
    "run.estimate": ({ config }) => this.#estimate(config),
    runs: () => this.runs,
    "run.get": ({ name }) => this.#run(name),
    "deleted.content": () => this.#deleted(),
    "run.again": ({ name }) => this.#again(name),
    checkpoints: () =>
      this.runs
        .filter((run) => run.step > 0)
        .flatMap((run) => {
          const bytes = (run.facts?.parameters ?? 0) * 4 + 120_000;
          const of = {
            run: run.name,
            kind: run.kind,
            base: run.facts?.base ?? "",
            split: run.facts?.split ?? "",
          };
          const best = run.kind === "realism" ? Math.round(run.step * 0.4) : run.step;
          return [
            { ...of, role: "best", step: best, bytes, created_ms: run.created_ms + 50_000 },
            { ...of, role: "last", step: run.step, bytes: bytes * 3, created_ms: run.created_ms + 60_000 },
          ];
        }),
    "run.differences": ({ runs }) => {
      const configs = runs.map(
        (name): Record<string, unknown> => ({ ...sample.ofToml(this.#run(name).config) }),
      );
      return Object.keys(configs[0] ?? {})
        .filter((key) => key !== "name" && new Set(configs.map((c) => String(c[key]))).size > 1)
        .map((setting) => ({ setting, values: configs.map((c) => String(c[setting] ?? "")) }));
    },
    "run.figure": ({ run }) => pictures.lossPoints(this.#run(run)),
    fakes: () => this.fakes,
    "fakes.rows": ({ limit }) =>
      Array.from({ length: Math.min(limit, 2184) }, (_, i) => {
        const p = pair(i);
        return {
          partition: (["train", "val", "test"] as Partition[])[i % 3] ?? "train",
          comment: p.comment,
          real: p.reply,
          fake: written(i),
          finish_reason: "end",
        };
      }),
    evaluations: () => [...this.evaluations].reverse(),
    "evaluation.get": ({ id }) => this.#evaluation(id),
    "evaluation.at": ({ id, threshold }) => {
      const evaluation = this.#evaluation(id);
      if (evaluation.figures.of !== "classifier") return fail("usage", "a generator has no threshold");
      const judged = pictures.at(evaluation.figures as ClassifierFigures, threshold);
      return { ...judged, compared: compared({ ...judged.figures, of: "classifier" }) };
    },
    "evaluation.examples": ({ id, best, limit, threshold }) => {
      const { classes, kind } = this.#evaluation(id).config;
      const two = kind === "realism";
      return Array.from({ length: limit }, (_, i) => {
        const p = pair(id * 100 + i);
        const truth = two ? i % 2 : i % 4;
        const sure = best ? 0.99 - i * 0.004 : 0.01 + i * 0.006;
        const real = truth === 1 ? sure : 1 - sure;
        const called = two ? Number(real >= (threshold ?? 0.5)) : best ? truth : (truth + 1) % classes.length;
        return {
          comment: p.comment,
          reply: truth === 0 && two ? written(i) : p.reply,
          truth: classes[truth] ?? "",
          called: classes[called] ?? "",
          p: sure,
        };
      });
    },
    chart: ({ kind, of, threshold }) =>
      kind === "loss" || kind === "lr" || kind === "throughput"
        ? pictures.ofRuns(
            kind,
            of.map((name) => this.#run(name)),
          )
        : pictures.ofEvaluations(
            kind,
            of.map((id) => this.#evaluation(Number(id))),
            threshold,
          ),
    "chart.save": ({ files }) => {
      if (files.some((file) => file.startsWith("/root")))
        fail("io", `cannot write ${files[0]}: permission denied`);
      return files;
    },
    generations: () =>
      [...this.generations].reverse().map((g) => ({
        id: g.generation,
        ...this.#generationLabel(g.generation),
        config: g.config,
        candidates: g.comments.flatMap((c) => c.candidates).length,
        created_ms: sample.MADE + g.generation * 60_000,
      })),
    "generation.get": ({ id }) => this.#generation(id),
    "generation.pick": ({ id, criteria }) => {
      const least = criteria.min_p_real ?? 0.9;
      if (!(least >= 0 && least < 1))
        fail("usage", `min_p_real is ${least}; it must be at least 0 and below 1`);
      const g = structuredClone(this.#generation(id));
      for (const answered of g.comments) pick(answered.candidates, criteria);
      return g;
    },
    "candidate.queue": ({ id, who }) => {
      const answered = this.generations
        .flatMap((g) => g.comments)
        .find((c) => c.candidates.some((k) => k.id === id));
      const candidate = answered?.candidates.find((k) => k.id === id);
      if (!answered || !candidate) return fail("not-found", `there is no candidate ${id}`);
      return this.#enqueue(candidate, answered.comment, who);
    },
    queue: ({ state }) =>
      this.replies
        .map((story) => this.reddit.show(story).reply)
        .filter((reply) => !state || reply.state === state)
        .reverse(),
    "reply.get": ({ id }) => this.reddit.show(this.#story(id)),
    "reply.edit": ({ id, text, who }) => {
      const story = this.#story(id);
      if (text.trim() === "") fail("usage", "the text of a reply cannot be empty");
      return this.#do(story, who, "edited", story.reply.text, { text, state: "draft" });
    },
    "reply.approve": ({ id, seen, who }) => {
      const story = this.reddit.show(this.#story(id));
      if (story.reply.state !== "draft" && story.reply.again === "")
        fail("usage", `reply ${id} is ${story.reply.state} already`);
      this.reddit.sameAsSeen(story.reply, seen);
      return this.#do(story, who, "approved", "", { state: "approved", again: "" });
    },
    "reply.reject": ({ id, who, why }) =>
      this.#do(this.#story(id), who, "rejected", why, { state: "rejected" }),
    "reply.redraft": ({ id, who }) => this.#do(this.#story(id), who, "redrafted", "", { state: "draft" }),
    "reply.posted": ({ id, link, seen, who }) => {
      this.reddit.sameAsSeen(this.reddit.show(this.#story(id)).reply, seen);
      if (link && !/^https:\/\/(www\.|old\.)?reddit\.com\//.test(link))
        fail("usage", `${link} is no address of a comment on Reddit`);
      return this.#do(this.#story(id), who, "posted", link, { state: "posted", link });
    },
    jobs: () => this.jobs,
    "item.rename": ({ kind, item, name }) => {
      const found = this.#item(kind, item);
      const wanted = name.trim();
      if (wanted === "" && kind !== "evaluation" && kind !== "generation")
        fail("usage", "this name cannot be used: it is empty");
      if (wanted !== "" && this.#items(kind).some((one) => one !== found && one.name === wanted))
        fail("exists", `there is a ${kind} ${JSON.stringify(wanted)} already; choose another name`);
      for (const hold of namesIn(this, kind, found.name)) hold(wanted);
      found.name = wanted;
      this.changed(...Object.values(ITEM_FAMILIES), "queue", "jobs");
      return this.#itemInfo(kind, found);
    },
    "item.label": ({ kind, item, note, add, remove }) => {
      const { label, ...found } = this.#item(kind, item);
      if (note != null) label.note = note.trim();
      label.tags = [...new Set([...label.tags.filter((tag) => !remove.includes(tag)), ...add])].sort();
      this.changed(ITEM_FAMILIES[kind]);
      return this.#itemInfo(kind, { ...found, label });
    },
    "item.dependents": ({ kind, item }) => {
      const found = this.#item(kind, item);
      return dependentsOf(this, kind, found);
    },
    "item.delete": ({ kind, item, with_dependents, seen }) => {
      const found = dependentsOf(this, kind, this.#item(kind, item));
      if (seen !== null && seen !== found.seen)
        fail("usage", `${kind} ${item} is not as it was shown: what depends on it changed; look again`);
      if (!with_dependents && found.items.length > 1)
        fail("usage", `${kind} ${item} cannot be deleted alone: ${found.items[1]?.name} depends on it`);
      const gone = (of: ItemKind, id: number) => found.items.some((one) => one.kind === of && one.id === id);
      this.sources = this.sources.filter((s) => !gone("source", s.id));
      this.splits = this.splits.filter((_, i) => !gone("split", i + 1));
      this.bases = this.bases.filter((_, i) => !gone("base", i + 1));
      this.runs = this.runs.filter((_, i) => !gone("run", i + 1));
      this.fakes = this.fakes.filter((_, i) => !gone("fakes", i + 1));
      this.evaluations = this.evaluations.filter((e) => !gone("evaluation", e.id));
      this.generations = this.generations.filter((g) => !gone("generation", g.generation));
      this.changed(...Object.values(ITEM_FAMILIES), "queue");
      this.#made += 1;
      return this.#start(`delete-${this.#made}`, "delete", {});
    },
    "job.get": ({ job }) => this.#job(job),
    "job.log": ({ job }) => this.logs[job] ?? [],
    "job.start": ({ id, kind, params }) => this.#start(id, kind, params),
    "job.pause": ({ job }) => this.#wish(job, "pause"),
    "job.cancel": ({ job }) => this.#wish(job, "cancel"),
    "job.stop": ({ job }) => this.#wish(job, this.#job(job).kind === "train" ? "stop" : "cancel"),
    "job.discard": ({ job }) =>
      this.#job(job).kind === "train"
        ? this.#wish(job, "discard")
        : fail("usage", "only a training has weights to discard"),
    "job.queue": ({ id, kind, params, stops_queue }) => ({
      job: this.#start(id, kind, params, stops_queue),
      notes: [],
    }),
    "job.waiting": () => this.#queue(),
    "job.move": ({ job, to }) => {
      const waits = this.#queue().jobs.filter((one) => one.state === "queued");
      const found = waits.find((one) => one.id === job);
      if (!found) return fail("usage", `job ${job} is not in the queue`);
      const others = waits.filter((one) => one !== found);
      const before = typeof to === "object" ? others.findIndex((one) => one.id === to.before) : -1;
      others.splice(to === "first" ? 0 : before >= 0 ? before : others.length, 0, found);
      others.forEach((one, n) => {
        one.place = n + 1;
      });
      this.changed("jobs");
      return this.#queue();
    },
    "job.stops-queue": ({ job, stops }) => {
      const found = this.#job(job);
      Object.assign(found, { stops_queue: stops }, found.state === "failed" && !stops ? { place: null } : {});
      this.changed("jobs");
      return found;
    },
    "queue.go-on": () => {
      const held = this.jobs.find((job) => job.id === this.#queue().held_up_by);
      const work = held && this.#work.get(held.id);
      if (held?.state === "paused" && work) this.#run_(held, work, true);
      else if (held) held.place = null;
      this.#next();
      this.changed("jobs");
      return this.#queue();
    },
    "job.resume": ({ job }) => {
      const found = this.#job(job);
      const work = this.#work.get(job);
      if (!work) return fail("usage", `job ${job} has ended (${found.state}); start a new one`);
      this.#run_(found, work, true);
      return found;
    },
    "export.predictions": ({ evaluation }) => this.#evaluation(evaluation).figures.examples,
    "export.pairs": () => this.pairs,
    "export.run": ({ path }) => path,
    "export.base": ({ path }) => path,
    "export.queue": () => this.replies.length,
    check: () => ({
      whole: true,
      schema: [],
      integrity: [],
      search: [],
      rows: [],
      references: [],
      blobs: [],
      blobs_checked: 605,
      bytes_checked: 31_737_373,
    }),
    compact: () => ({ before: 95_911_968, after: 28_606_464, collected: 1_204_000 }),
    size: () => ({
      file: 28_606_464,
      log: 67_305_504,
      free: 1_204_224,
      families: [
        { family: "weights", bytes: 32_440_320, rows: 605 },
        { family: "comments", bytes: 1_130_496, rows: 7073 },
        { family: "pairs", bytes: 434_176, rows: 4930 },
        { family: "splits", bytes: 286_720, rows: 4930 },
        { family: "fakes", bytes: 237_568, rows: 2184 },
        { family: "posts", bytes: 131_072, rows: 600 },
        { family: "jobs", bytes: 98_304, rows: 14 },
        { family: "evaluations", bytes: 90_112, rows: 1406 },
        { family: "candidates", bytes: 49_152, rows: 50 },
        { family: "queue", bytes: 32_768, rows: 7 },
      ],
    }),
  };

  // ---- what the commands are made of ---------------------------------------------------------------

  #info() {
    if (!this.path) return null;
    const name = this.path.split("/").pop()?.replace(".repartee", "") ?? "";
    return { path: this.path, name, bytes: 28_606_464 };
  }

  #wipe(): void {
    this.sources = [];
    this.pairs = 0;
    this.splits = [];
    this.bases = [];
    this.runs = [];
    this.fakes = [];
    this.evaluations = [];
    this.generations = [];
    this.replies = [];
    this.jobs = [];
    this.logs = {};
    this.reddit.wipe();
  }

  #run(name: string): RunInfo {
    const there = this.runs.map((run) => run.name).join(", ");
    return (
      this.runs.find((run) => run.name === name) ??
      fail("not-found", `no run is called "${name}"; there are: ${there}`)
    );
  }

  #evaluation(id: number): EvaluationInfo {
    return this.evaluations.find((e) => e.id === id) ?? fail("not-found", `there is no evaluation ${id}`);
  }

  #generation(id: number): Generated {
    return (
      this.generations.find((g) => g.generation === id) ?? fail("not-found", `there is no generation ${id}`)
    );
  }

  #generationLabel(id: number): { name: string; label: Label } {
    const known = this.generationLabels.get(id) ?? { name: "", label: { note: "", tags: [] } };
    this.generationLabels.set(id, known);
    return known;
  }

  #items(kind: ItemKind): Named[] {
    switch (kind) {
      case "source":
        return this.sources;
      case "split":
        return this.splits;
      case "base":
        return this.bases;
      case "run":
        return this.runs;
      case "fakes":
        return this.fakes;
      case "evaluation":
        return this.evaluations;
      case "generation":
        return this.generations.map((g) =>
          Object.assign(this.#generationLabel(g.generation), { id: g.generation }),
        );
    }
  }

  #item(kind: ItemKind, item: string): Named {
    const all = this.#items(kind);
    return (
      all.find((one) => one.id !== undefined && String(one.id) === item) ??
      all.find((one) => one.name !== "" && one.name === item) ??
      fail("not-found", `there is no ${kind} "${item}"`)
    );
  }

  #itemInfo(kind: ItemKind, item: Named): ItemInfo {
    return { kind, id: item.id ?? 0, name: item.name, label: item.label };
  }

  #story(id: number): ReplyStory {
    return (
      this.replies.find((story) => story.reply.id === id) ?? fail("not-found", `there is no reply ${id}`)
    );
  }

  #job(id: string): JobInfo {
    return this.jobs.find((job) => job.id === id) ?? fail("not-found", `there is no job ${id}`);
  }

  #do(story: ReplyStory, who: string, what: string, detail: string, to: Partial<ReplyInfo>): ReplyInfo {
    Object.assign(story.reply, to, { updated_ms: Date.now() });
    story.events.push({ at_ms: Date.now(), who, what, detail });
    this.changed("queue");
    return structuredClone(this.reddit.show(story).reply);
  }

  #reply(id: number, state: ReplyInfo["state"]): ReplyStory {
    const p = pair(id * 31);
    const text = written(id * 5);
    const bins = bin(id);
    const reply: ReplyInfo = {
      id,
      state,
      text,
      written: text,
      subreddit: p.subreddit,
      title: "What is going wrong here?",
      comment: p.comment,
      p_real: 0.55 + 0.4 * chance(id, 3),
      bins,
      predicted: bins.indexOf(Math.max(...bins)),
      expected_bin: expected(bins),
      by_hand: false,
      reason: `p(real) ${(0.55 + 0.4 * chance(id, 3)).toFixed(3)} above 0.5; ${text.length} characters, at most 1000; expected bin ${expected(bins).toFixed(2)}, number 1 of 3 fit in its thread`,
      link: state === "posted" ? "https://www.reddit.com/r/SampleBikes/comments/abc/-/def" : "",
      updated_ms: sample.MADE + id * 60_000,
      ...NOT_SHOWN,
    };
    const events = [{ at_ms: sample.MADE + id * 60_000, who: "repartee", what: "drafted", detail: "" }];
    if (state === "approved" || state === "posted")
      events.push({ at_ms: sample.MADE + id * 90_000, who: "Ada", what: "approved", detail: "" });
    if (state === "posted")
      events.push({ at_ms: sample.MADE + id * 95_000, who: "Ada", what: "posted", detail: reply.link });
    if (state === "rejected")
      events.push({
        at_ms: sample.MADE + id * 90_000,
        who: "Ada",
        what: "rejected",
        detail: "beside the point",
      });
    return { reply, events };
  }

  #enqueue(candidate: CandidateInfo, comment: string, who: string): ReplyInfo {
    const id = Math.max(0, ...this.replies.map((story) => story.reply.id)) + 1;
    const reply: ReplyInfo = {
      id,
      state: "draft",
      text: candidate.text,
      written: candidate.text,
      subreddit: "",
      title: "",
      comment,
      p_real: candidate.p_real,
      bins: candidate.bins,
      predicted: candidate.bins ? candidate.bins.indexOf(Math.max(...candidate.bins)) : null,
      expected_bin: candidate.expected_bin,
      by_hand: !candidate.picked,
      reason: candidate.picked
        ? candidate.reason
        : `by hand, by ${who}; the criteria did not pick it: ${candidate.reason}`,
      link: "",
      updated_ms: Date.now(),
      ...NOT_SHOWN,
    };
    candidate.reply = id;
    this.replies.push({ reply, events: [{ at_ms: Date.now(), who, what: "drafted", detail: "" }] });
    this.changed("queue");
    return reply;
  }

  #overview(): Overview {
    const of = (kind: RunKind) => {
      const runs = this.runs.filter((run) => run.kind === kind);
      const of_kind = this.evaluations.filter((e) => e.config.kind === kind);
      const first = of_kind[0]?.compared.find((one) => one.value !== null);
      return {
        kind,
        runs: runs.length,
        training: runs.find((run) => run.state === "running")?.name ?? null,
        trained: runs.find((run) => run.state === "done")?.name ?? null,
        evaluations: of_kind.length,
        evaluated: of_kind[0]?.run ?? null,
        figure: first ? `${first.name} ${first.value?.toFixed(3)}` : null,
        worse: first?.worse ?? "",
      };
    };
    const state = (wanted: string) => this.replies.filter((story) => story.reply.state === wanted).length;
    const unpermitted = this.sources.filter((s) => s.permission === "unknown").length;
    const next: NextStep[] = [];
    const add = (step: string, what: string, why: string) => next.push({ step, what, why, kind: null });
    if (state("draft") > 0) add("review", "Review the drafts", "Each reply must be approved or rejected.");
    const reddit = this.reddit.state();
    next.push(...this.reddit.next(state("approved")));
    if (this.sources.length === 0)
      add("import", "Import comments", "Start by importing comments and replies.");
    else if (this.pairs === 0)
      add("pairs", "Build the pairs", "Replies are joined to the comments they answer, and cleaned.");
    else if (this.splits.length === 0)
      add("split", "Create a split", "Train on one set, evaluate on held-out data.");
    if (unpermitted > 0)
      add(
        "permit",
        "Add a permission for your data sources",
        "Training on Reddit content requires approval. The permission is stored with each source.",
      );
    const mark = this.study.shown().mark;
    if (mark)
      add(
        "study",
        "Record the permissions of your study",
        `${mark}. It is shown on every chart and export until it is on record.`,
      );
    return {
      name: this.#info()?.name ?? "",
      path: this.path ?? "",
      sources: this.sources.length,
      unpermitted,
      comments: this.sources.length ? 9471 : 0,
      posts: this.sources.length ? 600 : 0,
      pairs: this.pairs,
      splits: this.splits.map((split) => split.name),
      bases: this.bases.length,
      models: [of("generator"), of("realism"), of("upvotes")],
      fakes: this.fakes.reduce((n, set) => n + set.fakes.reduce((a, b) => a + b, 0), 0),
      candidates: this.generations.flatMap((g) => g.comments).flatMap((c) => c.candidates).length,
      queue: {
        draft: state("draft"),
        approved: state("approved"),
        sending: state("sending"),
        uncertain: state("uncertain"),
        absent: state("absent"),
        posted: state("posted"),
        rejected: state("rejected"),
        cancelled: state("cancelled"),
        withdrawn: state("withdrawn"),
      },
      reddit,
      jobs: this.jobs.filter((job) => job.state === "running").length,
      ...(mark ? { notice: mark } : {}),
      next,
    };
  }

  #preview(path: string): Result<"file.preview"> {
    if (path.includes("missing")) fail("not-found", `there is no file ${path}`);
    if (path.includes("broken"))
      fail("bad-input", `${path}, line 3: not JSON; expected an object a line as Pushshift writes them`, [
        "expected `,` or `}` at column 81",
      ]);
    if (path.endsWith(".csv")) {
      const columns = ["question", "answer", "votes", "forum"];
      const rows = Array.from({ length: 5 }, (_, i) => {
        const p = pair(i);
        return [p.comment, p.reply, String(p.score ?? ""), p.subreddit];
      });
      return {
        path,
        bytes: 184_320,
        format: "mapped",
        columns,
        rows,
        mapping: {
          comment: "question",
          reply: "answer",
          score: "votes",
          comment_score: null,
          post: null,
          post_score: null,
          subreddit: "forum",
          post_author: null,
          comment_author: null,
          reply_author: null,
          created: null,
          id: null,
          parent: null,
          link: null,
          text: null,
          title: null,
        },
      };
    }
    return { path, bytes: 8_671_573, format: "pushshift", columns: [], rows: [], mapping: null };
  }

  #row(i: number): PairRow {
    const plain = row(i);
    const author = this.excluded.authors.find(({ name }) =>
      [plain.author, plain.comment_author].includes(name),
    );
    return {
      ...plain,
      excluded: this.excluded.pairs.find(({ id }) => id === plain.id)?.reason ?? null,
      excluded_author: author ? [author.name, author.reason] : null,
    };
  }

  #curated(): void {
    this.forgetViews();
    this.changed("pairs");
  }

  #view(query: ViewPairs): { view: string; total: number } {
    const question = JSON.stringify(query);
    for (const [view, known] of this.#views) {
      if (JSON.stringify(known.query) === question) return { view, total: known.total };
    }
    this.#made += 1;
    const view = `view-${this.#made}`;
    const plain =
      query.subreddits.length === 0 &&
      query.words === null &&
      query.min_score === null &&
      query.max_score === null &&
      query.partition === null &&
      query.source !== 2 &&
      query.excluded === null &&
      query.order === "id" &&
      !query.descending;
    let rows: number[] | null = null;
    let total = this.pairs;
    if (!plain) {
      const found: PairRow[] = [];
      const wanted = new Set(query.subreddits.map((s) => s.toLowerCase()));
      const words = (query.words ?? "").toLowerCase();
      for (let i = 0; i < Math.min(this.pairs, 20_000); i += 1) {
        const r = this.#row(i);
        const isExcluded = r.excluded !== null || r.excluded_author !== null;
        if (query.excluded !== null && query.excluded !== isExcluded) continue;
        if (wanted.size > 0 && !wanted.has(r.subreddit.toLowerCase())) continue;
        if (words && !`${r.comment} ${r.reply}`.toLowerCase().includes(words)) continue;
        if (query.min_score !== null && (r.score === null || r.score < query.min_score)) continue;
        if (query.max_score !== null && (r.score === null || r.score > query.max_score)) continue;
        if (query.partition !== null && partitionOf(i) !== query.partition) continue;
        found.push(r);
      }
      const key = (r: PairRow): number | string =>
        ({
          id: Number(r.id),
          score: r.score ?? -1e9,
          comment_length: r.comment.length,
          reply_length: r.reply.length,
          subreddit: r.subreddit,
          created: r.created_utc ?? 0,
        })[query.order];
      found.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (query.descending ? -1 : 1));
      rows = found.map((r) => Number(r.id));
      total = rows.length;
    }
    this.#views.set(view, { query, rows, total });
    return { view, total };
  }

  #estimate(config: RunConfig): Result<"run.estimate"> {
    const kind = config.kind as RunKind;
    const base =
      this.bases.find((b) => b.name === config.base) ??
      this.bases.find((b) => b.kind === (kind === "generator" ? "gpt2" : "bert"));
    if (!base)
      return fail(
        "not-found",
        `there is no ${kind === "generator" ? "gpt2" : "bert"} base yet; add one under Models`,
      );
    const rate = Number(config.learning_rate);
    if (!(rate > 0)) fail("usage", `learning_rate must be a number above 0, not ${config.learning_rate}`);
    if (kind === "realism" && this.fakes.length === 0)
      fail("not-found", "there are no fakes yet; let a generator write some first");
    const batch = Number(config.batch_size) * Number(config.accumulate);
    const steps = Number(config.steps) || Math.ceil((Number(config.epochs) * 3945) / batch);
    return {
      base: base.name,
      split: String(config.split),
      fakes: kind === "realism" ? "fakes" : null,
      device: "cpu",
      threads: 8,
      parameters: base.parameters,
      train_examples: 3945,
      val_examples: 200,
      classes: kind === "realism" ? [1767, 1767] : kind === "upvotes" ? [866, 1002, 951, 1043] : [],
      class_weights: [],
      steps,
      padding: 0.011,
      estimated_bytes: base.parameters * 16 + batch * Number(config.max_tokens) * base.width * 90,
      estimated_seconds: (steps * batch * Number(config.max_tokens) * base.parameters * 6) / 6e10,
      version: "0.1.0",
    };
  }

  #generated(id: number, ask: Generate): Generated {
    const texts = ask.comments.map((c) => c.comment);
    for (let i = 0; i < ask.unseen; i += 1) texts.push(pair(9000 + id * 50 + i).comment);
    const comments: Answered[] = texts.map((comment, c) => {
      const candidates = Array.from({ length: ask.candidates }, (_, n): CandidateInfo => {
        const key = id * 1000 + c * 40 + n;
        const bins = ask.upvotes ? bin(key) : null;
        return {
          id: key,
          n,
          text: written(key),
          finish_reason: chance(key, 5) < 0.06 ? "length" : "end",
          p_real: ask.realism ? 0.12 + 0.85 * chance(key, 6) : null,
          bins,
          expected_bin: bins ? expected(bins) : null,
          picked: false,
          reason: "",
          reply: null,
        };
      });
      pick(candidates, ask.criteria);
      return { thread: id * 100 + c, comment, candidates };
    });
    const { generator, realism, upvotes, candidates, sampling, criteria, device } = ask;
    return {
      generation: id,
      comments,
      queued: [],
      left_out: { count: 0, items: [] },
      config: { generator, realism, upvotes, candidates, sampling, criteria, device },
    };
  }

  /** Items trained on texts that were deleted since. */
  #deleted(): DeletedContent[] {
    const all = (kind: string, rows: { name: string; deleted_content: boolean }[]) =>
      rows
        .filter((row) => row.deleted_content)
        .map(({ name }) => ({
          kind,
          name,
          pairs: 1,
          via: "",
          why: "deleted",
          last_ms: sample.MADE,
          command: kind === "run" ? `repartee train again ${name} --without-deleted` : "",
        }));
    return [...all("base", this.bases), ...all("run", this.runs), ...all("fakes", this.fakes)];
  }

  #again(name: string): AgainStep[] {
    const run = this.#run(name);
    if (!run.deleted_content) fail("usage", `run "${name}" has seen nothing that was deleted since`);
    const base = this.bases.find((one) => one.name === run.facts?.base && one.deleted_content);
    const steps = base ? [{ kind: "base", old: base.name, new: `${base.name}-again` }] : [];
    return [...steps, { kind: "run", old: name, new: `${name}-again` }];
  }

  // ---- jobs ----------------------------------------------------------------------------------------

  #start(id: string, kind: string, params: unknown, queued: boolean | null = null): JobInfo {
    const known = this.jobs.find((job) => job.id === id);
    if (known) return known;
    const work = this.#plan(kind, params, id);
    const job: JobInfo = {
      id,
      kind,
      state: "running",
      want: null,
      progress: null,
      outcome: null,
      params,
      created_ms: Date.now(),
      ended_ms: null,
      place: null,
      stops_queue: false,
    };
    this.jobs.unshift(job);
    this.logs[id] = [];
    this.#work.set(id, work);
    if (queued === null) this.#run_(job, work, false);
    else {
      Object.assign(job, { state: "queued", place: this.jobs.length, stops_queue: queued });
      this.changed("jobs");
      this.#next();
    }
    return job;
  }

  /** The running or blocking job, then queued ones. */
  #queue(): Result<"job.waiting"> {
    const jobs = this.jobs.filter((job) => job.place !== null);
    const late = (job: JobInfo) => (job.state === "queued" ? 1000 : 0) + (job.place ?? 0);
    jobs.sort((a, b) => late(a) - late(b));
    const holds = jobs.find((job) => job.state === "paused" || job.state === "failed");
    return { jobs, held_up_by: holds?.id ?? null };
  }

  /** Starts the next queued job when idle. */
  #next(): void {
    const { jobs, held_up_by } = this.#queue();
    const next = jobs.find((job) => job.state === "queued");
    const work = next && this.#work.get(next.id);
    if (
      !next ||
      !work ||
      held_up_by ||
      this.jobs.some((job) => job.state === "running" && job.kind !== "sandbox")
    )
      return;
    this.#run_(next, work, false);
  }

  #run_(job: JobInfo, work: Work, resumed: boolean): void {
    Object.assign(job, { state: "running", want: null, ended_ms: null });
    for (const run of this.runs) if (run.job === job.id) run.state = "running";
    this.send({
      event: "job",
      job: job.id,
      signal: { event: "started", job: job.id, kind: job.kind, resumed },
    });
    this.changed("jobs");
    const speed = this.options.speed ?? 1;
    work.timer = setInterval(() => this.#tick(job, work, speed), TICK_MS);
  }

  #tick(job: JobInfo, work: Work, speed: number): void {
    if (job.want) {
      clearInterval(work.timer);
      const stopped = job.want === "stop";
      const state = job.want === "pause" ? "paused" : stopped ? "done" : "cancelled";
      const discarded = job.want === "discard";
      Object.assign(job, { state, want: null, ended_ms: Date.now() });
      if (state !== "paused") job.place = null;
      for (const run of this.runs) {
        if (run.job !== job.id) continue;
        run.state = stopped ? "stopped" : state;
        run.usable = !discarded && run.step > 0;
        if (stopped) job.outcome = { run: run.name, kind: run.kind, outcome: "stopped", steps: run.step };
      }
      this.send({ event: "ended", job: job.id, kind: job.kind, state, error: null });
      this.changed("jobs", "runs");
      this.#next();
      return;
    }
    const phase = work.phases[work.at];
    if (!phase) {
      clearInterval(work.timer);
      this.#work.delete(job.id);
      try {
        Object.assign(job, { state: "done", outcome: work.finish(), ended_ms: Date.now(), place: null });
        this.send({ event: "ended", job: job.id, kind: job.kind, state: "done", error: null });
      } catch (thrown) {
        Object.assign(job, { state: "failed", outcome: thrown, ended_ms: Date.now() });
        if (!job.stops_queue) job.place = null;
        this.send({
          event: "ended",
          job: job.id,
          kind: job.kind,
          state: "failed",
          error: thrown as EngineError,
        });
      }
      this.changed("jobs");
      this.#next();
      return;
    }
    const by = (phase.total * TICK_MS * speed) / 1000 / phase.seconds;
    work.done = Math.min(phase.total, work.done + by);
    const done = Math.floor(work.done);
    phase.tick?.(done);
    const share = work.done / phase.total;
    job.progress = {
      phase: phase.phase,
      done,
      total: phase.total,
      unit: phase.unit,
      note: phase.note?.(share) ?? "",
      eta_s: ((1 - share) * phase.seconds) / speed,
      ...(phase.next ? { next: phase.next } : {}),
    };
    this.#signal(job.id, { event: "progress", ...job.progress });
    if (work.done >= phase.total) {
      work.at += 1;
      work.done = 0;
    }
  }

  #signal(job: string, signal: Signal): void {
    if (signal.event === "log") this.logs[job]?.push({ at_ms: Date.now(), text: signal.text });
    this.send({ event: "job", job, signal });
  }

  #wish(id: string, want: "pause" | "stop" | "cancel" | "discard"): JobInfo {
    const job = this.#job(id);
    if (job.state === "running") job.want = want;
    else if (want !== "pause" && ["paused", "lost", "queued"].includes(job.state)) {
      Object.assign(job, { state: want === "stop" ? "done" : "cancelled", place: null });
      for (const run of this.runs) {
        if (run.job !== id) continue;
        run.state = want === "stop" ? "stopped" : "cancelled";
        if (want === "discard") run.usable = false;
      }
    } else fail("usage", `job ${id} has ended (${job.state})`);
    this.changed("jobs");
    return job;
  }

  #plan(kind: string, params: unknown, id: string): Work {
    const phases: Phase[] = [];
    let finish: () => unknown = () => null;
    const reddit = this.reddit.plan(kind, params, id);
    if (reddit) return { ...reddit, at: 0, done: 0, timer: undefined };
    switch (kind) {
      case "import": {
        const ask = params as Import;
        if ((ask.study ?? []).length > 0) this.study.record(ask.study, ask.who);
        for (const file of ask.files) {
          const name = file.split("/").pop() ?? file;
          phases.push({
            phase: `reading ${name}`,
            total: 8_671_573,
            unit: "bytes",
            seconds: 4,
            note: (s) => `${Math.floor(7673 * s)} rows`,
          });
        }
        finish = () => {
          const made = ask.files.map((file, i): SourceInfo => {
            if (file.includes("broken"))
              fail("bad-input", `${file}, line 3: not JSON`, [
                "kept from it: 2 comments and 0 posts, as source 3",
              ]);
            const isTable = file.endsWith(".csv");
            const base = isTable ? sample.table : sample.source;
            return {
              ...base,
              id: this.sources.length + 1 + i,
              name: ask.name || (file.split("/").pop() ?? file),
              path: file,
              permission: ask.permission,
              note: ask.note,
              label: { note: "", tags: [] },
              origin: originOf(ask, file),
              created_ms: Date.now(),
            };
          });
          this.sources.push(...made);
          this.changed("sources");
          return { sources: made };
        };
        break;
      }
      case "pairs":
        phases.push({ phase: "joining replies to comments", total: 7073, unit: "comments", seconds: 3 });
        finish = () => {
          this.pairs = this.options.pairs ?? 4930;
          this.#views.clear();
          this.changed("pairs");
          return {
            comments: 7073,
            replies: 6473,
            joined: 5893,
            dropped: [
              ["bot", 212],
              ["deleted", 508],
              ["link", 96],
              ["same author", 147],
            ],
            kept: 4930,
            new: 4930,
            removed: 0,
            unknown_authors: 31,
          };
        };
        break;
      case "split": {
        const ask = params as MakeSplit;
        if (this.splits.some((s) => s.name === ask.name))
          fail("exists", `there is a split called "${ask.name}" already; give another name`);
        phases.push(
          { phase: "reading pairs", total: 4930, unit: "pairs", seconds: 1 },
          { phase: "comparing texts", total: 7141, unit: "texts", seconds: 2 },
        );
        finish = () => {
          const made = {
            ...structuredClone(sample.split),
            name: ask.name,
            seed: ask.seed,
            audit: null,
            label: { note: "", tags: [] },
            created_ms: Date.now(),
          };
          made.config = {
            ...made.config,
            shares: ask.shares,
            edges: ask.edges ?? [1, 6, 11],
            near: ask.near,
            excluded: this.excluded.pairs.length,
          };
          this.splits.push(made);
          this.changed("splits");
          return made;
        };
        break;
      }
      case "audit":
        phases.push({ phase: "comparing texts", total: 9860, unit: "texts", seconds: 2 });
        finish = () => {
          const split = this.splits.find((s) => s.name === (params as { name: string }).name);
          if (split)
            split.audit = {
              ...(sample.split.audit as NonNullable<SplitInfo["audit"]>),
              name: split.name,
              at_ms: Date.now(),
            };
          this.changed("splits");
          return split?.audit;
        };
        break;
      case "base-add":
      case "base-new": {
        const ask = params as BaseNew & { from?: string };
        if (this.bases.some((b) => b.name === ask.name))
          fail("exists", `there is a model called "${ask.name}" already; give another name`);
        phases.push({
          phase: kind === "base-add" ? `fetching ${ask.from}` : "training the tokenizer",
          total: 548_000_000,
          unit: "bytes",
          seconds: 4,
        });
        finish = () => {
          const isNew = kind === "base-new";
          const made: BaseInfo = {
            name: ask.name,
            kind: isNew ? ask.kind : (ask.from ?? "").includes("bert") ? "bert" : "gpt2",
            origin: isNew ? `from scratch, seed ${ask.seed}` : `${ask.from}@607a30d`,
            parameters: isNew ? 1_027_712 : 124_439_808,
            bytes: isNew ? 4_151_487 : 497_800_000,
            layers: isNew ? ask.layers : 12,
            width: isNew ? ask.width : 768,
            context: isNew ? ask.context : 1024,
            vocabulary: isNew ? ask.vocab : 50_257,
            label: { note: "", tags: [] },
            created_ms: Date.now(),
            deleted_content: false,
          };
          this.bases.push(made);
          this.changed("bases");
          return made;
        };
        break;
      }
      case "train-again": {
        const steps = this.#again((params as { run: string }).run);
        phases.push({ phase: "training", total: 300, unit: "steps", seconds: 2 });
        finish = () => {
          for (const step of steps) {
            const rows: { name: string; deleted_content: boolean }[] =
              step.kind === "base" ? this.bases : step.kind === "run" ? this.runs : this.fakes;
            const old = rows.find((row) => row.name === step.old);
            if (old) rows.push({ ...structuredClone(old), name: step.new, deleted_content: false });
          }
          this.changed("bases", "runs", "fakes");
          return { steps };
        };
        break;
      }
      case "train": {
        const config = sample.ofToml((params as { config: string }).config);
        const facts = this.#estimate(config);
        const kind_ = config.kind as RunKind;
        const name = String(config.name) || `${kind_}-${this.runs.length + 1}`;
        if (this.runs.some((run) => run.name === name))
          fail("exists", `there is a run called "${name}" already; give another name`);
        const run: RunInfo = {
          name,
          kind: kind_,
          state: "running",
          job: id,
          config: sample.toml({ ...config, name }),
          facts,
          step: 0,
          loss: null,
          best_loss: null,
          usable: false,
          samples: [],
          label: { note: "", tags: [] },
          created_ms: Date.now(),
          deleted_content: false,
        };
        this.runs.push(run);
        this.changed("runs");
        let sampled = 0;
        phases.push({
          phase: `training ${name}`,
          total: facts.steps,
          unit: "steps",
          seconds: 60,
          note: () => `loss ${run.loss?.toFixed(4) ?? "–"}, 9391 tokens/s`,
          tick: (done) => {
            run.step = done;
            run.usable ||= done > 0;
            const [loss, val] = pictures.lossAt(run, done);
            run.loss = loss;
            run.best_loss = Math.min(run.best_loss ?? 99, val);
            const due = Math.floor((done / facts.steps) * 10);
            if (due > sampled) {
              sampled = due;
              this.#signal(id, {
                event: "log",
                text: `step ${done}: validation loss ${val.toFixed(4)}, the best so far`,
              });
              if (kind_ === "generator") run.samples.push([done, pair(77).comment, written(done)]);
            }
            this.changed("runs");
          },
        });
        finish = () => {
          run.state = "done";
          this.changed("runs");
          return {
            run: name,
            kind: kind_,
            outcome: "finished",
            steps: facts.steps,
            best_loss: run.best_loss,
            best_step: facts.steps,
            tokens: 900_000,
          };
        };
        break;
      }
      case "fakes": {
        const ask = params as MakeFakes;
        if (this.fakes.some((set) => set.name === ask.name))
          fail("exists", `there are fakes called "${ask.name}" already; give another name`);
        phases.push({ phase: "writing fakes", total: 2184, unit: "comments", seconds: 6 });
        finish = () => {
          const made = {
            ...structuredClone(sample.fakes),
            name: ask.name,
            label: { note: "", tags: [] },
            created_ms: Date.now(),
          };
          this.fakes.push(made);
          this.changed("fakes");
          return made;
        };
        break;
      }
      case "evaluate": {
        const ask = params as Evaluate;
        const run = this.#run(ask.run);
        phases.push({ phase: `measuring ${ask.run}`, total: 480, unit: "examples", seconds: 3 });
        finish = () => {
          const like = sample.evaluations.find((e) => e.config.kind === run.kind) as EvaluationInfo;
          const made = {
            ...structuredClone(like),
            id: this.evaluations.length + 1,
            run: ask.run,
            partition: ask.partition,
            name: "",
            label: { note: "", tags: [] },
            created_ms: Date.now(),
          };
          this.evaluations.push(made);
          this.changed("evaluations");
          return made;
        };
        break;
      }
      case "generate": {
        const ask = params as Generate;
        if (ask.comments.length === 0 && ask.unseen === 0) fail("usage", "there is no comment to answer");
        const g = this.#generated(this.generations.length + 1, ask);
        const all = g.comments.flatMap((c, comment) =>
          c.candidates.map((candidate) => ({ comment, candidate })),
        );
        this.#generate(
          phases,
          id,
          all,
          g.comments.map((c) => c.comment),
        );
        finish = () => {
          this.generations.push(g);
          if (ask.queue) {
            for (const c of g.comments)
              for (const k of c.candidates)
                if (k.picked) g.queued.push(this.#enqueue(k, c.comment, "repartee").id);
          }
          this.changed("threads", "queue");
          return g;
        };
        break;
      }
      case "delete":
        phases.push({ phase: "removing rows", total: 100, unit: "rows", seconds: 1 });
        finish = () => ({ items: 1, rows: 100, before: 2_000_000, after: 1_000_000, returned: true });
        break;
      default:
        for (const phase of [
          "making threads",
          "training the generator",
          "writing fakes",
          "training realism",
          "training upvotes",
          "measuring",
          "writing candidates",
        ]) {
          phases.push({ phase, total: 300, unit: "steps", seconds: 4 });
        }
        finish = () => {
          this.fill();
          this.changed(
            "sources",
            "pairs",
            "splits",
            "bases",
            "runs",
            "fakes",
            "evaluations",
            "threads",
            "queue",
          );
          return null;
        };
    }
    return { phases, at: 0, done: 0, timer: undefined, finish };
  }

  #generate(
    phases: Phase[],
    id: string,
    all: { comment: number; candidate: CandidateInfo }[],
    texts: string[],
  ): void {
    const longest = Math.max(...all.map(({ candidate }) => candidate.text.split(" ").length));
    const comments = [...new Set(all.map(({ comment }) => comment))].map((c) => texts[c] ?? "");
    phases.push({
      phase: "reading the models",
      total: 3,
      unit: "models",
      seconds: 0.6,
      tick: () => this.#signal(id, { event: "comments", texts: comments }),
    });
    phases.push({
      phase: "writing",
      total: longest,
      unit: "tokens",
      seconds: 5,
      tick: (done) => {
        const drafts = all.map(({ comment, candidate }) => {
          const words = candidate.text.split(" ");
          const finish_reason = done >= words.length ? candidate.finish_reason : null;
          return { comment, n: candidate.n, text: words.slice(0, done).join(" "), finish_reason };
        });
        this.#signal(id, { event: "drafts", drafts });
      },
    });
    phases.push({
      phase: "scoring",
      total: all.length,
      unit: "replies",
      seconds: 2,
      tick: (done) => {
        const scores = all
          .slice(0, done)
          .map(({ comment, candidate: { n, p_real, bins } }) => ({ comment, n, p_real, bins }));
        this.#signal(id, { event: "scores", scores });
      },
    });
  }
}

export function emptyGenerate(): Generate {
  return {
    comments: [],
    stored: [],
    context: false,
    unseen: 0,
    origin: "pasted",
    generator: "writer",
    realism: "judge",
    upvotes: "votes",
    checkpoint: null,
    candidates: 10,
    batch: 32,
    sampling: { max_new_tokens: 48, temperature: 1, top_k: 40, top_p: 1, repetition_penalty: 1, seed: 1 },
    criteria: { min_p_real: 0.9, max_chars: 1000, per_thread: 1 },
    queue: true,
    device: "auto",
  };
}

function partitionOf(i: number): Partition {
  const thread = Math.floor(i / 8);
  if (chance(thread, 20) < 0.8) return "train";
  return chance(thread, 21) < 0.5 ? "val" : "test";
}

function row(i: number): PairRow {
  return {
    id: String(i),
    ...pair(i),
    comment_score: Math.floor(chance(i, 22) * 40) - 2,
    created_utc: 1_554_076_800 + i * 317,
    title: one(["What is going wrong here?", "Help me decide", "Second time this year"], i, 23),
    source: 1,
    comment_author: `writer_${i % 40}`,
    author: i % 9 === 8 ? "[deleted]" : `writer_${(i + 7) % 40}`,
    excluded: null,
    excluded_author: null,
  };
}

type Bins = [number, number, number, number];

function bin(n: number): Bins {
  const raw = [1, 2, 3, 4].map((k) => chance(n, 30 + k) ** 4 + 0.01);
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((p) => p / sum) as Bins;
}

const expected = (bins: number[]) => bins.reduce((sum, p, i) => sum + i * p, 0);

function pick(candidates: CandidateInfo[], criteria: Criteria): void {
  const least = criteria.min_p_real ?? 0.9;
  const fit = candidates.filter((c) => (c.p_real ?? 1) > least && c.text.length <= criteria.max_chars);
  fit.sort((a, b) => (b.expected_bin ?? 0) - (a.expected_bin ?? 0));
  for (const c of candidates) {
    const rank = fit.indexOf(c);
    c.picked = rank >= 0 && rank < criteria.per_thread;
    const p = c.p_real === null ? "not scored for realism" : `p(real) ${c.p_real.toFixed(3)}`;
    if (c.picked)
      c.reason = `${p} above ${least}; ${c.text.length} characters, at most ${criteria.max_chars}; expected bin ${(c.expected_bin ?? 0).toFixed(2)}, number ${rank + 1} of ${fit.length} fit in its thread`;
    else if ((c.p_real ?? 1) <= least) c.reason = `${p}, not above ${least}`;
    else if (c.text.length > criteria.max_chars)
      c.reason = `${c.text.length} characters, more than ${criteria.max_chars}`;
    else
      c.reason = `expected bin ${(c.expected_bin ?? 0).toFixed(2)}; the pick of its thread has ${(fit[0]?.expected_bin ?? 0).toFixed(2)}`;
  }
}
