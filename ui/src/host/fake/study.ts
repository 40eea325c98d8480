// Evaluates permission records like the engine.

import type {
  EngineError,
  Import,
  ImportQuestion,
  Origin,
  SourceInfo,
  Study,
  StudyKind,
  StudyRecord,
  StudyState,
} from "../index";

const POLICY = {
  policy:
    "Reddit's policy (Responsible Builder Policy of 2026-08-22) allows no training on its content without Reddit's written approval, non-commercial and academic use included.",
  policy_version: "2026-08-22",
  policy_link: "https://support.reddithelp.com/hc/en-us/articles/42728983564564-Responsible-Builder-Policy",
};

const KINDS: [StudyKind, string][] = [
  ["api_access", "permission to use Reddit's API"],
  ["research_program", "admission to Reddit's research program"],
  ["training", "permission to train on Reddit content"],
  ["ethics_board", "approval of an ethics board"],
];

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);

export function originOf(ask: Import, file: string): Origin {
  if (ask.origin && ask.origin !== "unknown") return ask.origin;
  if (ask.permission === "synthetic") return "synthetic";
  return file.endsWith(".csv") ? "unknown" : "reddit";
}

interface Engine {
  sources: SourceInfo[];
  changed(...families: string[]): void;
}

export class FakeStudy {
  strict = true;
  history: Study["history"] = [];

  constructor(readonly engine: Engine) {}

  #states(): StudyState[] {
    const today = new Date().toISOString().slice(0, 10);
    return KINDS.map(([kind, noun]) => {
      const record = this.history.find((line) => line.record.kind === kind)?.record ?? null;
      const on = record?.date ? ` on ${record.date}` : "";
      const says = (holds: boolean, words: string): StudyState => ({
        kind,
        holds,
        words: capital(words),
        record,
        unconfirmed: false,
      });
      switch (record?.decision) {
        case undefined:
        case "none":
          return says(false, `No ${noun} on record`);
        case "refused":
          return says(false, `${noun} was refused${on}`);
        case "withdrawn":
          return says(false, `${noun} was withdrawn${on}`);
        case "pending":
          return says(false, `${noun} was asked for and is not granted`);
        case "not_required":
          return says(true, `${noun} is not required`);
        default:
          if ((record?.date ?? "") > today) return says(false, `${noun} is not valid before ${record?.date}`);
          if (record?.until && record.until < today) return says(false, `${noun} expired on ${record.until}`);
          return says(true, `${noun} granted${on}`);
      }
    });
  }

  shown(): Study {
    const sources = this.engine.sources.filter((s) => s.origin === "reddit" || s.origin === "unknown");
    const states = this.#states();
    const of = (kind: StudyKind) => states.filter((s) => s.kind === kind && !s.holds);
    const gaps = [...of("training"), ...of("research_program"), ...of("ethics_board")].map((s) => s.words);
    const needed = sources.length > 0;
    return {
      needed,
      sources: sources.map((s) => s.name),
      answered: this.history.length > 0,
      states,
      mark:
        needed && gaps.length > 0
          ? gaps.map((gap, i) => (i === 0 ? gap : gap.slice(0, 1).toLowerCase() + gap.slice(1))).join("; ")
          : null,
      strict: this.strict,
      history: this.history,
      ...POLICY,
    };
  }

  record(records: StudyRecord[], who: string): Study {
    for (const record of records)
      this.history = [{ id: this.history.length + 1, record, who, at_ms: Date.now() }, ...this.history];
    this.engine.changed("settings");
    return this.shown();
  }

  end(kind: StudyKind, note: string, who: string): Study {
    const record = this.history.find((line) => line.record.kind === kind)?.record;
    const date = new Date().toISOString().slice(0, 10);
    return record
      ? this.record([{ ...record, decision: "withdrawn", date, until: "", note }], who)
      : this.shown();
  }

  setStrict(on: boolean): Study {
    this.strict = on;
    this.engine.changed("settings");
    return this.shown();
  }

  refusal(): EngineError | null {
    const study = this.shown();
    const training = study.states.find((s) => s.kind === "training");
    if (!study.strict || !study.needed || training?.holds !== false) return null;
    return {
      code: "permission",
      message: `${training.words}, and this project is strict: split "main" has text of source "${study.sources[0]}"`,
      detail: [],
    };
  }

  question(ask: Import): ImportQuestion {
    const answered = ask.study.length > 0 || this.history.length > 0;
    const of = (origin: Origin) => ask.files.filter((file) => originOf(ask, file) === origin);
    return { reddit: answered ? [] : of("reddit"), unknown: ask.origin ? [] : of("unknown"), ...POLICY };
  }
}
