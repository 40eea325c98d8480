// The posting side of a reply in words.

import type { AttemptInfo, JobInfo, OutboxInfo } from "../../host";

/** What came of a try, by its class. */
export function cameOf(attempt: Pick<AttemptInfo, "class" | "ended_ms">): string {
  switch (attempt.class) {
    case 1:
      return "was not sent";
    case 2:
      return "Reddit refused it for now";
    case 3:
      return "Reddit rejected it";
    case 4:
      return "posted";
    case 5:
      return "was sent, and nobody knows whether it arrived";
    default:
      return attempt.ended_ms === null ? "began; nobody came back to tell" : "ended";
  }
}

/** The state of a reply that is on Reddit, in a sentence. */
export function stateOf(outbox: OutboxInfo): string {
  switch (outbox.state) {
    case "draft":
      return "A draft. Approve it first; this is the text that would be sent.";
    case "approved":
      return "Approved. It is sent when you say so, and only this one.";
    case "sending":
      return "It is being sent.";
    case "uncertain":
      return "It was sent, and no answer came back: it may stand there, or not. It is never sent twice, so look for it first.";
    case "absent":
      return "It was looked for often enough and is not there. You decide what becomes of it.";
    case "posted":
      return "It stands on Reddit.";
    case "withdrawn":
      return outbox.code === "given-up"
        ? "You gave it up, and nobody knows whether it arrived. Nothing else is posted there."
        : "It stood on Reddit, and was taken back.";
    case "cancelled":
      return "It will not be posted.";
    case "rejected":
      return "It was rejected.";
    default:
      return `It is ${outbox.state}.`;
  }
}

/** The latest job of a kind that concerns this reply alone. */
export function jobOf(jobs: JobInfo[], reply: number): JobInfo | null {
  return (
    jobs.find((job) => {
      const { replies } = (job.params ?? {}) as { replies?: unknown };
      return job.kind === "post" && Array.isArray(replies) && replies.includes(reply);
    }) ?? null
  );
}

/** The job that posts several replies, one after the other. */
export const isPaced = (job: JobInfo): boolean =>
  job.kind === "post" && (job.params as { wait?: unknown } | null)?.wait === true;

export const isDry = (job: JobInfo): boolean => (job.params as { live?: unknown } | null)?.live === false;
