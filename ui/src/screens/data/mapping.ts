// The columns of a table, in words.

import type { Format, Mapping } from "../../host";

export const FORMATS: Record<Format, string> = {
  pushshift: "Pushshift or Arctic Shift",
  bigquery: "BigQuery CSV",
  mapped: "A table: say which column is what",
  listing: "Reddit API JSON",
  sample: "The sample",
};

export const FIELDS: { key: keyof Mapping; name: string; help: string; needed?: boolean }[] = [
  { key: "comment", name: "Comment", help: "The text that is answered.", needed: true },
  { key: "reply", name: "Reply", help: "The text of the answer.", needed: true },
  { key: "score", name: "Score of the reply", help: "Upvotes less downvotes; the upvotes model learns it." },
  { key: "subreddit", name: "Subreddit", help: "Its name." },
  { key: "comment_score", name: "Score of the comment", help: "" },
  {
    key: "post",
    name: "Post",
    help: "Rows with the same post are one thread, and stay on one side of a split.",
  },
  { key: "post_score", name: "Score of the post", help: "" },
  { key: "created", name: "Time of the reply", help: "Seconds since 1970, or a date like 2019-04-01." },
  { key: "reply_author", name: "Author of the reply", help: "" },
  { key: "comment_author", name: "Author of the comment", help: "" },
  { key: "post_author", name: "Author of the post", help: "" },
];
