// The columns of the board, and the order of replies in it.

import type { ReplyInfo } from "../../host";

export type ReplyState = "draft" | "approved" | "posted" | "rejected";

export const STATES: { state: ReplyState; name: string; empty: string }[] = [
  { state: "draft", name: "Draft", empty: "No drafts to review." },
  { state: "approved", name: "Approved", empty: "No approved replies." },
  { state: "posted", name: "Posted", empty: "Posted replies appear here." },
  { state: "rejected", name: "Rejected", empty: "No rejected replies." },
];

/** States without a column of their own, with the column they are shown in and their label. */
const SUBSTATES: Record<string, { column: ReplyState; label: string }> = {
  sending: { column: "approved", label: "sending" },
  uncertain: { column: "approved", label: "unconfirmed" },
  absent: { column: "approved", label: "not found" },
  cancelled: { column: "rejected", label: "canceled" },
  withdrawn: { column: "posted", label: "withdrawn" },
};

/** The column of a state; `again`: why its approval no longer holds, which makes it a draft to review. */
export const columnOf = (state: string, again = ""): ReplyState =>
  again ? "draft" : (SUBSTATES[state]?.column ?? (state as ReplyState));

/** The label of a state within its column; empty if the column has the same name. */
export const substate = (state: string, again = ""): string =>
  again ? "approve again" : (SUBSTATES[state]?.label ?? "");

/** The parts of a reply that have changed, with their previous text. */
export function changes(before: ReplyInfo, now: ReplyInfo): { what: string; before: string }[] {
  const parts: [string, (of: ReplyInfo) => string][] = [
    ["Text", (of) => of.text],
    ["Footer", (of) => of.full_text.slice(of.text.length).trim()],
    ["Parent comment", (of) => of.comment],
    ["Title", (of) => of.title],
    ["Subreddit", (of) => of.subreddit],
    ["Account", (of) => of.account],
  ];
  return parts
    .filter(([, part]) => part(before) !== part(now))
    .map(([what, part]) => ({ what, before: part(before) }));
}

/** By column; drafts by score, others newest first. */
export function order(replies: ReplyInfo[]): ReplyInfo[] {
  const column = (reply: ReplyInfo) => columnOf(reply.state, reply.again);
  const rank = (reply: ReplyInfo) => STATES.findIndex((one) => one.state === column(reply));
  const score = (reply: ReplyInfo) => (reply.expected_bin ?? 0) + (reply.p_real ?? 0);
  return [...replies].sort((a, b) => {
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    return column(a) === "draft" ? score(b) - score(a) || a.id - b.id : b.updated_ms - a.updated_ms;
  });
}

/** The next (1) or previous (-1) reply, without wrapping; the first one without a current reply. */
export function following(replies: ReplyInfo[], id: number | null, by: 1 | -1): ReplyInfo | null {
  const now = replies.findIndex((reply) => reply.id === id);
  if (now < 0) return replies[0] ?? null;
  return replies[Math.max(0, Math.min(replies.length - 1, now + by))] ?? null;
}
