// The four permissions of a study, and where text comes from, in words; and records as they are typed.

import type { Decision, Origin, StudyKind, StudyRecord } from "../../host";

export const KINDS: { value: StudyKind; text: string; help: string }[] = [
  {
    value: "training",
    text: "Permission to train",
    help: "Reddit's written approval of training on its content.",
  },
  { value: "api_access", text: "API access", help: "Reddit's approval of access to its API." },
  {
    value: "research_program",
    text: "Research program",
    help: "Admission to Reddit's own research program.",
  },
  { value: "ethics_board", text: "Ethics board", help: "The approval of an ethics board (IRB)." },
];

export const DECISIONS: { value: Decision; text: string }[] = [
  { value: "none", text: "I have none" },
  { value: "granted", text: "Granted" },
  { value: "pending", text: "Asked for, no answer yet" },
  { value: "refused", text: "Refused" },
  { value: "not_required", text: "Not required" },
];

export const ORIGINS: { value: Origin; text: string }[] = [
  { value: "reddit", text: "Reddit" },
  { value: "forum", text: "Another forum" },
  { value: "support", text: "Support mails or tickets" },
  { value: "convokit", text: "ConvoKit, not of Reddit" },
  { value: "other", text: "Elsewhere" },
  { value: "synthetic", text: "A program wrote it" },
];

export const kindText = (kind: StudyKind): string => KINDS.find((k) => k.value === kind)?.text ?? kind;
export const originText = (origin: Origin): string =>
  ORIGINS.find((o) => o.value === origin)?.text ?? "Not said, so treated as Reddit content";

/** A record as it is typed; an empty decision is not chosen yet. */
export type Typed = Omit<StudyRecord, "decision"> & { decision: Decision | "" };

export const blank = (kind: StudyKind, decision: Decision | "" = ""): Typed => ({
  kind,
  decision,
  date: "",
  scope: "",
  until: "",
  policy: "",
  link: "",
  note: "",
});

/** What a record lacks, in words; none: it can be recorded. The engine has the last word. */
export function lacks(record: Typed): string | null {
  if (record.decision === "") return "a choice";
  if (record.decision !== "granted") return null;
  if (record.date.trim() === "") return "the date";
  if (record.scope.trim() === "") return "what was allowed";
  if (record.link.trim() === "" && record.note.trim() === "") return "a link";
  return null;
}

/** The records, once none lacks anything. */
export function complete(records: Typed[]): StudyRecord[] | null {
  const done = records.flatMap((r) =>
    r.decision === "" || lacks(r) ? [] : [{ ...r, decision: r.decision }],
  );
  return done.length === records.length ? done : null;
}
