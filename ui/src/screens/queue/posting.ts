// Texts about posting a reply.

import type { AttemptInfo, JobInfo, OutboxInfo } from "../../host";

/** The result of an attempt, by its class. */
export function attemptText(attempt: Pick<AttemptInfo, "class" | "ended_ms">): string {
  switch (attempt.class) {
    case 1:
      return "not sent";
    case 2:
      return "temporarily refused by Reddit";
    case 3:
      return "rejected by Reddit";
    case 4:
      return "posted";
    case 5:
      return "sent, delivery unconfirmed";
    default:
      return attempt.ended_ms === null ? "started; result unknown" : "ended";
  }
}

export function statusText(outbox: OutboxInfo): string {
  switch (outbox.state) {
    case "draft":
      return "Draft. Approve it before posting.";
    case "approved":
      return "Approved. Ready to post.";
    case "sending":
      return "Sending.";
    case "uncertain":
      return "Sent, but no confirmation. It will not be resent; check Reddit first.";
    case "absent":
      return "Not found on Reddit after several checks. Choose what to do.";
    case "posted":
      return "Live on Reddit.";
    case "withdrawn":
      return outbox.code === "given-up"
        ? "Abandoned with delivery unconfirmed. Nothing else is posted under that comment."
        : "Withdrawn from Reddit.";
    case "cancelled":
      return "Canceled. It will not be posted.";
    case "rejected":
      return "Rejected.";
    default:
      return `State: ${outbox.state}.`;
  }
}

/** The latest posting job of a reply. */
export function jobOf(jobs: JobInfo[], reply: number): JobInfo | null {
  return (
    jobs.find((job) => {
      const { replies } = (job.params ?? {}) as { replies?: unknown };
      return job.kind === "post" && Array.isArray(replies) && replies.includes(reply);
    }) ?? null
  );
}

/** Whether a job posts several replies with pauses. */
export const isPaced = (job: JobInfo): boolean =>
  job.kind === "post" && (job.params as { wait?: unknown } | null)?.wait === true;

export const isDry = (job: JobInfo): boolean => (job.params as { live?: unknown } | null)?.live === false;

/** Where a check looked for a reply: its author's comments, or the answers to its parent. */
export function lookedAt(where: string): string {
  return { own: "our own comments", parent: "replies to the comment" }[where] ?? where;
}
