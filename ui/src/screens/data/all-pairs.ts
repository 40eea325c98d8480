import type { PairsQuery } from "../../host";

/** The query that leaves nothing out. */
export const ALL_PAIRS: PairsQuery = {
  subreddits: [],
  contains: "",
  min_score: null,
  max_score: null,
  split: null,
  side: null,
  source: null,
  sort: "id",
  descending: false,
};
