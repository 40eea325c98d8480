// The forms for fetching threads and drafting replies.

import type { DraftReplies, Fetch, PrecisionChoice, SamplingParams } from "../../host";
import { SAMPLING } from "../../parts/decoding";
import { criteriaFor, type Edited } from "../generate/criteria";
import { listed } from "./doing";

export interface FetchForm {
  subreddits: string;
  posts: string;
  limit: number;
  min_score: number;
  /** Null for any score. */
  min_comment_score: number | null;
  max_age_h: number;
}

/** The engine's defaults. */
export const emptyFetch = (): FetchForm => ({
  subreddits: "",
  posts: "",
  limit: 25,
  min_score: 1,
  min_comment_score: null,
  max_age_h: 24,
});

/** Max API calls per comment tree after the first. */
const CALLS = 32;

export function fetchOf(form: FetchForm): Fetch {
  return {
    account: "",
    subreddits: listed(form.subreddits),
    posts: listed(form.posts),
    limit: form.limit,
    min_score: form.min_score,
    min_comment_score: form.min_comment_score ?? null,
    max_age_h: form.max_age_h,
    calls: CALLS,
  };
}

export type Context = "rules" | "yes" | "no";

export interface DraftForm {
  generator: string;
  realism: string;
  upvotes: string;
  candidates: number;
  comments: number;
  context: Context;
  sampling: SamplingParams;
  precision: PrecisionChoice;
  criteria: Edited;
}

export const emptyDraft = (): DraftForm => ({
  generator: "",
  realism: "",
  upvotes: "",
  candidates: 10,
  comments: 10,
  context: "rules",
  sampling: { ...SAMPLING },
  precision: "auto",
  criteria: { min_p_real: 0.9, max_chars: 1000, per_thread: 1, keep_flagged: false },
});

export function draftOf(
  form: DraftForm,
  fetch: Fetch | null,
  threads: number[],
  device: string,
): DraftReplies {
  const { generator, realism, upvotes, candidates, sampling, criteria } = form;
  return {
    fetch,
    threads,
    comments: form.comments,
    context: form.context === "rules" ? null : form.context === "yes",
    generate: {
      comments: [],
      stored: [],
      context: false,
      unseen: 0,
      origin: "pasted",
      generator,
      realism: realism || null,
      upvotes: upvotes || null,
      checkpoint: null,
      candidates,
      batch: 32,
      sampling,
      criteria: criteriaFor(criteria, realism !== ""),
      queue: true,
      device,
      precision: form.precision,
    },
  };
}
