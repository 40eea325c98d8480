// File formats, and the fields that table columns are mapped to.

import type { Format, Mapping } from "../../host";

export const FORMATS: Record<Format, string> = {
  pushshift: "Pushshift or Arctic Shift",
  bigquery: "BigQuery CSV",
  mapped: "Table (map columns)",
  listing: "Reddit API JSON",
  comments: "Comments with ID and parent",
  sample: "Sample data",
};

/** Fields of a table with one comment per row. */
export const COMMENT_FIELDS: { key: keyof Mapping; name: string; help: string; required?: boolean }[] = [
  { key: "id", name: "ID", help: "ID of the comment.", required: true },
  { key: "parent", name: "Parent", help: "ID of the parent comment or post.", required: true },
  { key: "text", name: "Text", help: "Text of the comment.", required: true },
  { key: "link", name: "Post", help: "ID of the post, or of the first comment of the conversation." },
  { key: "reply_author", name: "Author", help: "" },
  { key: "score", name: "Score", help: "Net score." },
  { key: "subreddit", name: "Subreddit", help: "Name of the subreddit." },
  { key: "created", name: "Time", help: "Seconds since 1970, or a date like 2019-04-01." },
  { key: "title", name: "Title", help: "Rows with a title are posts." },
];

export const FIELDS: { key: keyof Mapping; name: string; help: string; required?: boolean }[] = [
  { key: "comment", name: "Comment", help: "Text being replied to.", required: true },
  { key: "reply", name: "Reply", help: "Text of the reply.", required: true },
  { key: "score", name: "Reply score", help: "Net score; label for the upvotes model." },
  { key: "subreddit", name: "Subreddit", help: "Name of the subreddit." },
  { key: "comment_score", name: "Comment score", help: "" },
  {
    key: "post",
    name: "Post",
    help: "Thread ID. Rows with the same ID stay in the same split set.",
  },
  { key: "post_score", name: "Post score", help: "" },
  { key: "created", name: "Reply time", help: "Seconds since 1970, or a date like 2019-04-01." },
  { key: "reply_author", name: "Reply author", help: "" },
  { key: "comment_author", name: "Comment author", help: "" },
  { key: "post_author", name: "Post author", help: "" },
];
