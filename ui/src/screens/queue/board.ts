// The columns of the board, and the way through it with two keys.

import type { ReplyInfo } from "../../host";

export type ReplyState = "draft" | "approved" | "posted" | "rejected";

export const STATES: { state: ReplyState; name: string; empty: string }[] = [
  { state: "draft", name: "Draft", empty: "No draft waits for you." },
  { state: "approved", name: "Approved", empty: "Approve a draft and it comes here." },
  { state: "posted", name: "Posted", empty: "What was posted is noted here." },
  { state: "rejected", name: "Rejected", empty: "Nothing was rejected." },
];

/** States that are shown in the column of another, in words. On the way out: approved; taken back: posted. */
const ELSEWHERE: Record<string, { column: ReplyState; words: string }> = {
  sending: { column: "approved", words: "being sent" },
  uncertain: { column: "approved", words: "uncertain" },
  absent: { column: "approved", words: "not there" },
  cancelled: { column: "rejected", words: "cancelled" },
  withdrawn: { column: "posted", words: "taken back" },
};

/** The column a state belongs to. */
export const columnOf = (state: string): ReplyState => ELSEWHERE[state]?.column ?? (state as ReplyState);

/** What its column does not say of a state; nothing where the two are the same. */
export const besides = (state: string): string => ELSEWHERE[state]?.words ?? "";

/** What was on the screen before a reply changed, part by part, of the parts that differ. */
export function changes(before: ReplyInfo, now: ReplyInfo): { what: string; before: string }[] {
  const parts: [string, (of: ReplyInfo) => string][] = [
    ["The text", (of) => of.text],
    ["The footer", (of) => of.full_text.slice(of.text.length).trim()],
    ["The comment it answers", (of) => of.comment],
    ["The title", (of) => of.title],
    ["The subreddit", (of) => of.subreddit],
    ["The account", (of) => of.account],
  ];
  return parts
    .filter(([, part]) => part(before) !== part(now))
    .map(([what, part]) => ({ what, before: part(before) }));
}

/** By column, and in each the newest first; drafts by what the judges think of them. */
export function order(replies: ReplyInfo[]): ReplyInfo[] {
  const rank = (reply: ReplyInfo) => STATES.findIndex((column) => column.state === columnOf(reply.state));
  const worth = (reply: ReplyInfo) => (reply.expected_bin ?? 0) + (reply.p_real ?? 0);
  return [...replies].sort((a, b) => {
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    return a.state === "draft" ? worth(b) - worth(a) || a.id - b.id : b.updated_ms - a.updated_ms;
  });
}

/** The reply after (1) or before (-1) one; from nowhere the first. Ends do not wrap. */
export function following(replies: ReplyInfo[], id: number | null, by: 1 | -1): ReplyInfo | null {
  const now = replies.findIndex((reply) => reply.id === id);
  if (now < 0) return replies[0] ?? null;
  return replies[Math.max(0, Math.min(replies.length - 1, now + by))] ?? null;
}
