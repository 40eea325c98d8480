import type { ViewPairs } from "../../host";

export const ALL_PAIRS: ViewPairs = {
  subreddits: [],
  words: null,
  min_score: null,
  max_score: null,
  split: null,
  partition: null,
  source: null,
  excluded: null,
  order: "id",
  descending: false,
};
