import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import { newId } from "../../state/id";
import {
  allAnswered,
  axeViolations,
  byId,
  callsTo,
  enabledById,
  openWindow,
  textOf,
  waitForText,
} from "../../testing";
import { columnOf, substate } from "./board";

// Replies of the samples (tests/src/window.rs).
const POSTED = 8;
const READY = 11;
/** Has no permission. */
const BLOCKED = 12;
const ABSENT = 14;
const UNCERTAIN = 15;

type Host = Awaited<ReturnType<typeof openWindow>>;
const posts = (host: Host) => callsTo(host, "job.start").filter((job) => job.kind === "post");

test("every state has a column, and a label if the column has another name", () => {
  for (const state of ["sending", "uncertain", "absent"]) expect(columnOf(state)).toBe("approved");
  expect(columnOf("withdrawn")).toBe("posted");
  expect(columnOf("cancelled")).toBe("rejected");
  expect(columnOf("draft")).toBe("draft");
  expect(substate("uncertain")).toBe("unconfirmed");
  expect(substate("approved")).toBe("");
  // an approval that no longer holds
  expect(columnOf("approved", "the comment was changed")).toBe("draft");
  expect(substate("approved", "the comment was changed")).toBe("approve again");
});

test("the board shows unconfirmed, not found, canceled and withdrawn replies", async () => {
  await openWindow("#/queue", { project: "unconfirmed" });
  expect(textOf(await byId(`reply-${UNCERTAIN}`))).toContain("unconfirmed");
  expect(textOf(await byId(`reply-${ABSENT}`))).toContain("not found");
  expect((await byId("column-posted")).textContent).toContain("withdrawn");
  expect((await byId("column-rejected")).textContent).toContain("canceled");
});

describe("an approved reply on Reddit", () => {
  test("shows the exact text to be posted, with its footer", async () => {
    await openWindow(`#/queue/${READY}`);
    await waitFor(async () => expect(textOf(await byId("full-text"))).toContain("I'm a bot"));
    await waitFor(async () => expect(textOf(await byId("posting"))).toContain("u/sample_answers_bot"));
    await waitForText("Post manually instead");
    expect(await axeViolations()).toEqual([]);
  });

  test("is posted after confirmation, by a job for this reply only", async () => {
    const host = await openWindow(`#/queue/${READY}`);
    await fireEvent.click(await enabledById("post"));
    expect(posts(host)).toHaveLength(0);
    const dialog = (await byId("post-sure")).closest("dialog") as HTMLDialogElement;
    expect(textOf(dialog)).toContain("u/sample_answers_bot posts this in r/");
    expect(textOf(await byId("post-text"))).toContain("Reply STOP");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("post-sure"));
    await waitFor(() => expect(posts(host)).toHaveLength(1));
    expect(posts(host)[0]?.params).toEqual({
      account: "sample_answers_bot",
      replies: [READY],
      live: true,
      wait: false,
      skip_pause: false,
    });
    await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("posted"));
    expect(posts(host)).toHaveLength(1);
    await waitForText("Live on Reddit");
  });

  test("is marked as sandbox before it is posted there", async () => {
    await openWindow(`#/queue/${READY}`);
    await waitFor(async () => {
      expect(textOf(await byId("posting"))).toContain("u/sample_answers_bot");
      expect(textOf(await byId("posting"))).toContain("sandbox");
    });
    await fireEvent.click(await enabledById("post"));
    const dialog = (await byId("post-sure")).closest("dialog") as HTMLDialogElement;
    expect(textOf(dialog)).toContain("nothing leaves this machine");
    expect(textOf(dialog)).not.toContain("public immediately");
  });

  test("of Reddit itself is said to become public", async () => {
    await openWindow(`#/queue/${READY}`, {
      changes: { accounts: (accounts) => accounts.map((account) => ({ ...account, host: "" })) },
    });
    await fireEvent.click(await enabledById("post"));
    const dialog = (await byId("post-sure")).closest("dialog") as HTMLDialogElement;
    expect(textOf(dialog)).toContain("public immediately");
    expect(textOf(dialog)).not.toContain("nothing leaves this machine");
  });

  test("is not posted without confirmation", async () => {
    const host = await openWindow(`#/queue/${READY}`);
    await fireEvent.click(await enabledById("post"));
    await fireEvent.click(await screen.findByText("Not now"));
    await waitFor(() => expect(screen.queryByTestId("post-text")).toBeNull());
    expect(posts(host)).toHaveLength(0);
  });

  test("can be checked by a dry run that sends nothing", async () => {
    const host = await openWindow(`#/queue/${READY}`);
    // once the account is known
    await enabledById("post");
    await fireEvent.click(await byId("check"));
    await waitFor(async () => expect(textOf(await byId("found"))).toContain("no blocking issues"));
    expect(posts(host).map((job) => job.params)).toEqual([
      { account: "sample_answers_bot", replies: [READY], live: false, wait: false, skip_pause: false },
    ]);
    expect((await byId("open-reply")).dataset.state).toBe("approved");
  });

  test("cannot be posted with blocking issues", async () => {
    await openWindow(`#/queue/${BLOCKED}`);
    expect(textOf(await byId("objections"))).toContain("no permission is recorded");
    expect((await byId("post")).hasAttribute("disabled")).toBe(true);
    expect(await axeViolations()).toEqual([]);
  });
});

describe("a reply with unconfirmed delivery", () => {
  test("can be checked on Reddit, cannot be posted, and shows its attempts", async () => {
    const host = await openWindow(`#/queue/${UNCERTAIN}`, { project: "unconfirmed" });
    await byId("check-reddit");
    expect(screen.queryByTestId("post")).toBeNull();
    expect(screen.queryByTestId("again")).toBeNull();
    expect(textOf(await byId("attempts"))).toContain("delivery unconfirmed");
    expect(await axeViolations()).toEqual([]);
    await waitFor(async () => expect(textOf(await byId("posting"))).toContain("u/sample_answers_bot"));
    await fireEvent.click(await byId("check-reddit"));
    await waitFor(() =>
      expect(callsTo(host, "job.start").map((job) => [job.kind, job.params])).toEqual([
        ["reconcile", { account: "sample_answers_bot", wait: false }],
      ]),
    );
    await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("posted"));
  });

  test("that is not found can be approved for resending or marked as posted", async () => {
    const host = await openWindow(`#/queue/${ABSENT}`, { project: "unconfirmed" });
    expect(textOf(await byId("attempts"))).toContain("checked our own comments: not found");
    const link = await byId("settle-link");
    await fireEvent.input(link, { target: { value: "https://www.reddit.com/r/other/comments/x/-/y" } });
    await fireEvent.click(await byId("settle-posted"));
    await waitForText("is not the link of a comment under the post");
    await fireEvent.click(await byId("again"));
    await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("approved"));
    // approving alone does not post
    expect(posts(host)).toHaveLength(0);
    expect(callsTo(host, "reply.settle").at(-1)).toEqual({
      id: ABSENT,
      settle: { settle: "again", seen: expect.stringMatching(/^[0-9a-f]{64}-/) },
      who: "Ada",
    });
  });

  test("is abandoned after confirmation", async () => {
    const host = await openWindow(`#/queue/${UNCERTAIN}`, { project: "unconfirmed" });
    await fireEvent.click(await byId("abandon"));
    await waitForText("nothing else is ever posted under that comment");
    await fireEvent.click(await byId("abandon-sure"));
    await waitFor(() =>
      expect(callsTo(host, "reply.settle")).toEqual([
        { id: UNCERTAIN, settle: { settle: "give-up" }, who: "Ada" },
      ]),
    );
    await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("withdrawn"));
  });
});

describe("a posted reply", () => {
  test("can be edited on Reddit", async () => {
    const host = await openWindow(`#/queue/${POSTED}`);
    await fireEvent.click(await byId("rewrite"));
    const sure = await byId("rewrite-sure");
    await fireEvent.input(await byId("rewrite-text"), { target: { value: "Better words." } });
    // a preview is required
    expect(sure.hasAttribute("disabled")).toBe(true);
    await waitFor(async () => expect(textOf(await byId("rewrite-preview"))).toContain("Better words."));
    expect(textOf(await byId("rewrite-preview"))).toContain("I'm a bot");
    await fireEvent.click(await byId("rewrite-sure"));
    await waitFor(() =>
      expect(callsTo(host, "reply.rewrite")).toEqual([
        { id: POSTED, text: "Better words.", seen: expect.stringMatching(/^[0-9a-f]{64}-/), who: "Ada" },
      ]),
    );
    await waitFor(async () => expect(textOf(await byId("reply-shown"))).toBe("Better words."));
  });

  test("is withdrawn after confirmation, or shows the error", async () => {
    const host = await openWindow(`#/queue/${POSTED}`, {
      failing: { "reply.withdraw": { code: "login", message: "u/sample_answers_bot is not logged in" } },
    });
    await fireEvent.click(await byId("withdraw"));
    await fireEvent.click(await byId("withdraw-sure"));
    await waitForText("is not logged in");
    await waitForText("Log in under Reddit");
    host.failing = {};
    await fireEvent.click(await byId("withdraw-sure"));
    await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("withdrawn"));
  });
});

test("a reply to a pasted comment can only be posted manually", async () => {
  await openWindow("#/queue/4");
  await byId("mark-posted");
  expect(screen.queryByTestId("posting")).toBeNull();
});

/** Records a permission for the blocked reply, in another process. */
const permit = (host: Host) =>
  host.other("posting.permissions.put", {
    permission: {
      subreddit: "SampleBikes",
      link: "https://example.org/permission",
      note: "",
      expires_ms: null,
      rules: "",
    },
    who: "cli",
  });

test("only the pause can be skipped, for a single reply", async () => {
  const host = await openWindow(`#/queue/${BLOCKED}`);
  await waitFor(async () => expect(textOf(await byId("objections"))).toContain("no permission"));
  expect((await byId("post")).hasAttribute("disabled")).toBe(true);
  await permit(host);
  // another process posts a reply just before
  const first = { account: "", replies: [READY], live: true, wait: false, skip_pause: false };
  await host.other("job.start", { id: newId(), kind: "post", params: first });
  await waitFor(async () => expect((await host.ask("reply.get", { id: READY })).reply.state).toBe("posted"));
  await waitFor(async () => expect(textOf(await byId("objections"))).toContain("at least 10 minutes"));
  await waitFor(async () => expect((await byId("post")).hasAttribute("disabled")).toBe(false));
  await fireEvent.click(await enabledById("post"));
  expect(textOf(await byId("skips-pause"))).toContain("Rate limits and hours apply");
  await fireEvent.click(await byId("post-sure"));
  await waitFor(() =>
    expect(posts(host)[0]?.params).toMatchObject({ replies: [BLOCKED], wait: false, skip_pause: true }),
  );
});

describe("posting approved replies", () => {
  /** Opens the queue with two replies that can be posted, with real waits. */
  async function opened() {
    const host = await openWindow("#/queue", { hurry: false });
    await permit(host);
    await byId("post-all");
    return host;
  }

  test("shows each text, then starts a job for these replies", async () => {
    const host = await opened();
    await fireEvent.click(await byId("post-all"));
    expect(posts(host)).toHaveLength(0);
    await waitFor(async () => expect(textOf(await byId("post-all-list"))).toContain("I'm a bot"));
    const dialog = (await byId("post-all-sure")).closest("dialog") as HTMLDialogElement;
    expect(textOf(dialog)).toContain("at least 10 minutes apart, within your rate limits and hours");
    await fireEvent.click(await byId("post-all-sure"));
    await waitFor(() => expect(posts(host)).toHaveLength(1));
    const params = posts(host)[0]?.params as { replies: number[] };
    expect([...params.replies].sort()).toEqual([READY, BLOCKED]);
    expect(params).toMatchObject({ live: true, wait: true, skip_pause: false });
  });

  test("counts down to the next reply and can be stopped", async () => {
    const host = await opened();
    await fireEvent.click(await byId("post-all"));
    await fireEvent.click(await byId("post-all-sure"));
    const shown = textOf(await byId("countdown"));
    // ten to fifteen minutes
    expect(shown).toMatch(/^(9|1\d):\d\d$/);
    expect(textOf(await byId("posting-all"))).toMatch(/reply (11|12)/);
    await waitFor(async () => expect(textOf(await byId("countdown"))).not.toBe(shown));
    const states = async () => {
      const replies = await host.ask("queue", { state: null });
      return [READY, BLOCKED].map((id) => replies.find((reply) => reply.id === id)?.state);
    };
    await waitFor(async () => expect([...(await states())].sort()).toEqual(["approved", "posted"]));
    // no single reply can be posted at the same time
    const left = (await states()).indexOf("approved");
    location.hash = `#/queue/${[READY, BLOCKED][left]}`;
    await waitFor(async () => expect((await byId("post")).hasAttribute("disabled")).toBe(true));
    await fireEvent.click(await byId("stop-all"));
    await waitFor(() => expect(callsTo(host, "job.cancel")).toHaveLength(1));
    await waitFor(() => expect(screen.queryByTestId("posting-all")).toBeNull());
    expect([...(await states())].sort()).toEqual(["approved", "posted"]);
  });
});

test("no button approves or posts in bulk", async () => {
  for (const address of [`#/queue/${READY}`, "#/reddit/threads", "#/reddit/outcomes", "#/reddit/accounts"]) {
    const host = await openWindow(address);
    await byId(address.startsWith("#/queue") ? "board" : "screen-reddit");
    await allAnswered(host);
    // links in tables are titles and texts
    const all = [...document.querySelectorAll("button, a")].filter((one) => !one.matches("tbody a"));
    const words = all.map((one) => one.textContent ?? "").join("|");
    expect(words).not.toMatch(/post (all|them|every|the|these|\d)/i);
    expect(words).not.toMatch(/approve (all|them|every|these|\d)/i);
  }
});
