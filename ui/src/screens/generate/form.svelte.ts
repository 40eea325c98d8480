// The form, kept in memory when the screen is left.

import type { Incoming, PrecisionChoice, SamplingParams } from "../../host";
import { SAMPLING } from "../../parts/decoding";
import type { Edited } from "./criteria";

export interface Form {
  comments: Incoming[];
  /** A comment that is not yet added to the list. */
  text: string;
  subreddit: string;
  title: string;
  unseen: number;
  generator: string;
  realism: string;
  upvotes: string;
  /** Kinds of classifiers of which one was selected before; after that, none is a choice of the user. */
  preselected: ("realism" | "upvotes")[];
  candidates: number;
  sampling: SamplingParams;
  precision: PrecisionChoice;
  criteria: Edited;
  queue: boolean;
}

const empty = (): Form => ({
  comments: [],
  text: "",
  subreddit: "",
  title: "",
  unseen: 0,
  generator: "",
  realism: "",
  upvotes: "",
  preselected: [],
  candidates: 10,
  sampling: { ...SAMPLING },
  precision: "auto",
  criteria: { min_p_real: 0.9, max_chars: 1000, per_thread: 1, keep_flagged: false },
  queue: false,
});

export const form = $state<Form>(empty());

export function clearForm(): void {
  Object.assign(form, empty());
}

/** The list, and the comment in the text field. */
export function commentsToAnswer(): Incoming[] {
  const typed = form.text.trim();
  if (typed === "") return form.comments;
  return [
    ...form.comments,
    { comment: typed, thread: "", subreddit: form.subreddit.trim(), title: form.title.trim() },
  ];
}

export function addComment(): void {
  form.comments = commentsToAnswer();
  form.text = form.subreddit = form.title = "";
}
