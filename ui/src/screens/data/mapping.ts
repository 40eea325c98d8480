// The columns of a table, in words.

import type { Format, Mapping } from "../../host";

export const FORMATS: Record<Format, string> = {
  pushshift: "Pushshift or Arctic Shift",
  bigquery: "BigQuery CSV",
  mapped: "A table: say which column is what",
  listing: "Reddit API JSON",
  comments: "Comments with id and parent",
  sample: "The sample",
};

/** The columns of a table with one comment a row. */
export const COMMENT_FIELDS: { key: keyof Mapping; name: string; help: string; needed?: boolean }[] = [
  { key: "id", name: "Id", help: "The comment's own.", needed: true },
  { key: "parent", name: "Parent", help: "The id of what it answers.", needed: true },
  { key: "text", name: "Text", help: "What it says.", needed: true },
  { key: "link", name: "Post", help: "The id of the post, or of the conversation's first comment." },
  { key: "reply_author", name: "Author", help: "" },
  { key: "score", name: "Score", help: "Upvotes less downvotes." },
  { key: "subreddit", name: "Subreddit", help: "Its name." },
  { key: "created", name: "Time", help: "Seconds since 1970, or a date like 2019-04-01." },
  { key: "title", name: "Title", help: "A row that has one is a post." },
];

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
