import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import { READS, type ReplyInfo } from "../../host";
import { go } from "../../state/route.svelte";
import {
  allAnswered,
  byId,
  callsTo,
  openWindow,
  press,
  type TestHost,
  textOf,
  waitForText,
} from "../../testing";
import { following, order } from "./board";

const last = <T>(list: T[]) => list.at(-1);
const openReply = async () => Number((await byId("open-reply")).dataset.id);

describe("board", () => {
  const reply = (id: number, state: string, p_real: number) =>
    ({ id, state, p_real, expected_bin: 0, updated_ms: id }) as ReplyInfo;
  const all = [
    reply(1, "rejected", 1),
    reply(2, "draft", 0.2),
    reply(3, "draft", 0.9),
    reply(4, "approved", 1),
    reply(5, "approved", 1),
  ];

  test("drafts come first by score, others newest first", () => {
    expect(order(all).map((one) => one.id)).toEqual([3, 2, 5, 4, 1]);
  });
  test("navigation stops at the ends", () => {
    const sorted = order(all);
    expect(following(sorted, null, 1)?.id).toBe(3);
    expect(following(sorted, 3, -1)?.id).toBe(3);
    expect(following(sorted, 3, 1)?.id).toBe(2);
    expect(following(sorted, 1, 1)?.id).toBe(1);
    expect(following([], null, 1)).toBeNull();
  });
});

test("keys move between replies, and approving opens the next draft", async () => {
  const host = await openWindow("#/queue");
  await byId("board");
  press("j");
  const first = await openReply();
  press("j");
  await waitFor(async () => expect(await openReply()).not.toBe(first));
  press("k");
  await waitFor(async () => expect(await openReply()).toBe(first));
  press("a");
  // with the hash of the displayed reply
  await waitFor(() =>
    expect(callsTo(host, "reply.approve")).toEqual([
      { id: first, who: "Ada", seen: expect.stringMatching(/^[0-9a-f]{64}-/) },
    ]),
  );
  await waitFor(async () => expect(await openReply()).not.toBe(first));
  await waitForText(`Reply ${first} approved.`);
  press("Escape");
  await waitFor(() => expect(screen.queryByTestId("open-reply")).toBeNull());
  await waitFor(async () => expect((await byId("column-approved")).querySelectorAll("li")).toHaveLength(4));
});

test("rejecting asks for a reason", async () => {
  const host = await openWindow("#/queue");
  await byId("board");
  press("j");
  const id = await openReply();
  press("x");
  const why = await byId("reject-why");
  await waitFor(() => expect(document.activeElement).toBe(why));
  await fireEvent.input(why, { target: { value: "off topic" } });
  await fireEvent.submit((why as HTMLInputElement).form as HTMLFormElement);
  await waitFor(() =>
    expect(last(callsTo(host, "reply.reject"))).toEqual({ id, who: "Ada", why: "off topic" }),
  );
  await waitForText(`Reply ${id} rejected.`);
  expect((await host.ask("reply.get", { id })).reply.state).toBe("rejected");
});

describe("undo", () => {
  const stateOf = async (host: TestHost, id: number) => (await host.ask("reply.get", { id })).reply.state;
  const approveFirst = async () => {
    const host = await openWindow("#/queue/1");
    await byId("open-reply");
    press("a");
    await waitForText("Reply 1 approved.");
    await waitFor(async () => expect(await openReply()).not.toBe(1));
    return host;
  };

  test("Ctrl+Z returns an approved reply to draft with its text, and opens it", async () => {
    const host = await approveFirst();
    const { text } = (await host.ask("reply.get", { id: 1 })).reply;
    press("z", { ctrlKey: true });
    await waitFor(() =>
      expect(callsTo(host, "reply.redraft")).toEqual([{ id: 1, who: "Ada", why: "approval undone" }]),
    );
    await waitFor(async () => expect(await openReply()).toBe(1));
    expect((await byId("open-reply")).dataset.state).toBe("draft");
    expect((await byId("reply-shown")).textContent).toBe(text);
    expect(await stateOf(host, 1)).toBe("draft");
    // one step
    press("z", { ctrlKey: true });
    expect(callsTo(host, "reply.redraft")).toHaveLength(1);
  });

  test("the toast undoes a rejection, and the reply needs an approval", async () => {
    const host = await openWindow("#/queue/2");
    await byId("open-reply");
    press("x");
    const why = await byId("reject-why");
    await fireEvent.submit((why as HTMLInputElement).form as HTMLFormElement);
    await waitForText("Reply 2 rejected.");
    await fireEvent.click(await byId("toast-action"));
    await waitFor(async () => expect(await stateOf(host, 2)).toBe("draft"));
    await waitFor(() => expect(screen.queryByTestId("toast-action")).toBeNull());
    await waitFor(async () => expect(await openReply()).toBe(2));
    await byId("approve");
  });

  test("a reply that was posted stays posted", async () => {
    const host = await approveFirst();
    const { seen } = (await host.ask("reply.get", { id: 1 })).reply;
    await host.other("reply.posted", { id: 1, link: "", seen, who: "cli" });
    press("z", { ctrlKey: true });
    await waitForText("Could not undo the approval of reply 1");
    expect(await stateOf(host, 1)).toBe("posted");
  });

  test("an unsaved edit keeps Ctrl+Z for its text", async () => {
    const host = await approveFirst();
    press("e");
    const text = (await byId("reply-text")) as HTMLTextAreaElement;
    await waitFor(() => expect(document.activeElement).toBe(text));
    await fireEvent.input(text, { target: { value: "unsaved text" } });
    press("z", { ctrlKey: true });
    text.blur();
    press("z", { ctrlKey: true });
    expect(callsTo(host, "reply.redraft")).toEqual([]);
    await fireEvent.click(await byId("reply-discard"));
  });

  test("the offer disappears on another screen", async () => {
    const host = await approveFirst();
    await byId("toast-action");
    go("#/settings");
    await byId("screen-settings");
    await waitFor(() => expect(screen.queryByTestId("toast-action")).toBeNull());
    press("z", { ctrlKey: true });
    expect(callsTo(host, "reply.redraft")).toEqual([]);
  });
});

test("a rejected reply can be returned to draft", async () => {
  const host = await openWindow("#/queue/6");
  await fireEvent.click(await byId("reopen"));
  await waitFor(() => expect(callsTo(host, "reply.redraft")).toEqual([{ id: 6, who: "Ada", why: "" }]));
  await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("draft"));
});

test("an edit is saved before approval and recorded in the history", async () => {
  const host = await openWindow("#/queue/1");
  await byId("open-reply");
  press("e");
  const text = (await byId("reply-text")) as HTMLTextAreaElement;
  const before = text.value;
  await waitFor(() => expect(document.activeElement).toBe(text));
  await fireEvent.input(text, { target: { value: `${before} Really.` } });
  // letters are text, not shortcuts
  press("a");
  expect(callsTo(host, "reply.approve")).toHaveLength(0);
  await fireEvent.click(await byId("reply-save"));
  await waitFor(async () => expect((await byId("reply-shown")).textContent).toBe(`${before} Really.`));
  await waitForText("Edited; scores apply to the original text");
  await waitFor(async () => expect(textOf(await byId("history"))).toContain("edited by Ada"));
});

test("an unsaved edit disables shortcuts and approval", async () => {
  const host = await openWindow("#/queue/1");
  await byId("open-reply");
  press("e");
  const text = (await byId("reply-text")) as HTMLTextAreaElement;
  await fireEvent.input(text, { target: { value: "unsaved text" } });
  await waitFor(() => expect(document.activeElement).toBe(text));
  expect(textOf(await byId("unsaved"))).toContain("Save or discard your edit first");
  expect((await byId("approve")).hasAttribute("disabled")).toBe(true);
  // as after a click outside the field
  text.blur();
  expect(document.activeElement).toBe(document.body);
  for (const key of ["a", "x", "j", "k", "c"]) press(key);
  // clicking another reply does not discard the edit
  await fireEvent.click(await byId("reply-2"));
  expect(await openReply()).toBe(1);
  expect(((await byId("reply-text")) as HTMLTextAreaElement).value).toBe("unsaved text");
  expect(callsTo(host, "reply.approve")).toHaveLength(0);
  expect(screen.queryByTestId("reject-why")).toBeNull();
  // shortcuts work again after discarding
  await fireEvent.click(await byId("reply-discard"));
  press("a");
  await waitFor(() => expect(callsTo(host, "reply.approve")).toHaveLength(1));
  // wait for the next draft, so that it does not open during the next test
  await waitFor(async () => expect(await openReply()).not.toBe(1));
});

test("approval is refused after a change elsewhere, and both versions are shown", async () => {
  const host = await openWindow("#/queue/3");
  await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("draft"));
  const before = textOf(await byId("reply-shown"));
  // an edit by another process, of which the window knows nothing until the key is pressed
  const known = await host.ask("queue", { state: null });
  host.changes.queue = () => known;
  await host.other("reply.edit", { id: 3, text: "Other words.", who: "cli" });
  press("a");
  delete host.changes.queue;
  const stale = await byId("stale");
  expect(stale.getAttribute("role")).toBe("alert");
  expect(textOf(stale)).toContain("this reply has changed");
  await waitFor(() => expect(textOf(stale)).toContain(before));
  await waitFor(async () => expect(textOf(await byId("reply-shown"))).toBe("Other words."));
  expect((await byId("open-reply")).dataset.state).toBe("draft");
  const state = async () => (await host.ask("reply.get", { id: 3 })).reply.state;
  expect(await state()).toBe("draft");
  // the new version can be approved
  press("a");
  await waitFor(async () => expect(await state()).toBe("approved"));
});

test("an approval from another machine can be renewed", async () => {
  const host = await openWindow("#/queue/11", { elsewhere: true });
  await waitFor(async () => expect(textOf(await byId("again-why"))).toContain("another machine"));
  await fireEvent.click(await byId("approve"));
  await waitFor(() => expect(callsTo(host, "reply.approve")).toHaveLength(1));
  await waitFor(async () => expect((await host.ask("reply.get", { id: 11 })).reply.again).toBe(""));
});

test("Escape does not discard an edit", async () => {
  await openWindow("#/queue/1");
  await byId("open-reply");
  press("e");
  const text = (await byId("reply-text")) as HTMLTextAreaElement;
  await waitFor(() => expect(document.activeElement).toBe(text));
  await fireEvent.input(text, { target: { value: "mine" } });
  press("Escape");
  expect(((await byId("reply-text")) as HTMLTextAreaElement).value).toBe("mine");
});

test("a refused edit keeps the text and shows the error", async () => {
  const host = await openWindow("#/queue/1", {
    failing: { "reply.edit": { code: "busy", message: "another process writes" } },
  });
  await byId("open-reply");
  press("e");
  const text = (await byId("reply-text")) as HTMLTextAreaElement;
  await fireEvent.input(text, { target: { value: "better words" } });
  await fireEvent.click(await byId("reply-save"));
  await waitForText("another process writes");
  expect(text.value).toBe("better words");
  host.failing = {};
});

test("a reply can be copied and marked as posted with its link", async () => {
  const host = await openWindow("#/queue/4");
  await fireEvent.click(await byId("copy"));
  await waitFor(() => expect(host.copied).toHaveLength(1));
  const link = (await byId("posted-link")) as HTMLInputElement;
  await fireEvent.input(link, { target: { value: "www.reddit.com/r/a" } });
  await fireEvent.click(await byId("mark-posted"));
  await waitForText("is not a link; paste the URL of the comment");
  expect(link.value).toBe("www.reddit.com/r/a");
  await fireEvent.input(link, { target: { value: "https://www.reddit.com/r/a/comments/b/-/c" } });
  await fireEvent.click(await byId("mark-posted"));
  await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("posted"));
});

test("a typed link survives changes of the project", async () => {
  const host = await openWindow("#/queue/4");
  const link = await byId("posted-link");
  await fireEvent.input(link, { target: { value: "https://www.reddit.com/r/a/comments/b/-/c" } });
  const asked = callsTo(host, "outbox.get").length;
  host.delay = 50;
  host.changed(...READS["outbox.get"]);
  await waitFor(() => expect(callsTo(host, "outbox.get").length).toBeGreaterThan(asked));
  await allAnswered(host);
  expect(await byId("posted-link")).toBe(link);
});

test("no button approves in bulk", async () => {
  const host = await openWindow("#/queue");
  await byId("board");
  await allAnswered(host);
  const words = [...document.querySelectorAll("button, a")].map((one) => one.textContent ?? "").join("|");
  expect(words).not.toMatch(/approve all|all drafts/i);
});

test("changes by other processes appear on the board", async () => {
  const host = await openWindow("#/queue");
  await byId("board");
  const { reply } = await host.ask("reply.get", { id: 1 });
  await host.other("reply.approve", { id: 1, who: "cli", seen: reply.seen });
  await waitFor(async () => expect((await byId("column-approved")).querySelectorAll("li")).toHaveLength(4));
});
