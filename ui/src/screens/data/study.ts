// The permissions required for Reddit content, and origins of text.

import type { Decision, Origin, StudyKind, StudyRecord } from "../../host";

export const KINDS: { value: StudyKind; text: string; help: string }[] = [
  {
    value: "training",
    text: "Permission to train",
    help: "Written approval by Reddit to train on its content.",
  },
  { value: "api_access", text: "API access", help: "Approval by Reddit to use its API." },
  {
    value: "research_program",
    text: "Research program",
    help: "Admission to Reddit's research program.",
  },
  { value: "ethics_board", text: "Ethics board", help: "Approval by an ethics board (IRB)." },
];

export const DECISIONS: { value: Decision; text: string }[] = [
  { value: "none", text: "None" },
  { value: "granted", text: "Granted" },
  { value: "pending", text: "Pending" },
  { value: "refused", text: "Refused" },
  { value: "not_required", text: "Not required" },
];

export const ORIGINS: { value: Origin; text: string }[] = [
  { value: "reddit", text: "Reddit" },
  { value: "forum", text: "Another forum" },
  { value: "support", text: "Support emails or tickets" },
  { value: "convokit", text: "ConvoKit (not Reddit)" },
  { value: "other", text: "Other" },
  { value: "synthetic", text: "Synthetic" },
];

export const kindText = (kind: StudyKind): string => KINDS.find((k) => k.value === kind)?.text ?? kind;
export const originText = (origin: Origin): string =>
  ORIGINS.find((o) => o.value === origin)?.text ?? "Not specified (treated as Reddit content)";

/** A record in the form; the decision is empty until selected. */
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

/** The first missing field of a record. The engine validates again. */
export function missingField(record: Typed): string | null {
  if (record.decision === "") return "decision";
  if (record.decision !== "granted") return null;
  if (record.date.trim() === "") return "date";
  if (record.scope.trim() === "") return "scope";
  if (record.link.trim() === "" && record.note.trim() === "") return "link";
  return null;
}

/** The records, or null if one is incomplete. */
export function complete(records: Typed[]): StudyRecord[] | null {
  const done = records.flatMap((r) =>
    r.decision === "" || missingField(r) ? [] : [{ ...r, decision: r.decision }],
  );
  return done.length === records.length ? done : null;
}
