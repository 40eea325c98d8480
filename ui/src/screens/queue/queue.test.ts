import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { ReplyInfo } from "../../host";
import { byId, callsTo, openWindow, press, textOf, waitForText } from "../../testing";
import { following, order } from "./board";

const last = <T>(list: T[]) => list.at(-1);
const openReply = async () => Number((await byId("open-reply")).dataset.id);

describe("the board", () => {
  const reply = (id: number, state: string, p_real: number) =>
    ({ id, state, p_real, expected_bin: 0, updated_ms: id }) as ReplyInfo;
  const all = [
    reply(1, "rejected", 1),
    reply(2, "draft", 0.2),
    reply(3, "draft", 0.9),
    reply(4, "approved", 1),
    reply(5, "approved", 1),
  ];

  test("has drafts first, the best first; then the latest", () => {
    expect(order(all).map((one) => one.id)).toEqual([3, 2, 5, 4, 1]);
  });
  test("is walked without running over its ends", () => {
    const sorted = order(all);
    expect(following(sorted, null, 1)?.id).toBe(3);
    expect(following(sorted, 3, -1)?.id).toBe(3);
    expect(following(sorted, 3, 1)?.id).toBe(2);
    expect(following(sorted, 1, 1)?.id).toBe(1);
    expect(following([], null, 1)).toBeNull();
  });
});

test("keys: next, previous, approve goes on to the next draft", async () => {
  const host = await openWindow("#/queue");
  await byId("board");
  press("j");
  const first = await openReply();
  press("j");
  await waitFor(async () => expect(await openReply()).not.toBe(first));
  press("k");
  await waitFor(async () => expect(await openReply()).toBe(first));
  press("a");
  // the hash of what was on the screen goes with it
  await waitFor(() =>
    expect(callsTo(host, "reply.approve")).toEqual([
      { id: first, who: "Ada", seen: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]),
  );
  await waitFor(async () => expect(await openReply()).not.toBe(first));
  await waitForText(`Reply ${first} is approved.`);
  press("Escape");
  await waitFor(() => expect(screen.queryByTestId("open-reply")).toBeNull());
  await waitFor(async () => expect((await byId("column-approved")).querySelectorAll("li")).toHaveLength(6));
});

test("reject asks why, and can be taken back", async () => {
  const host = await openWindow("#/queue");
  await byId("board");
  press("j");
  const id = await openReply();
  press("x");
  const why = await byId("reject-why");
  await waitFor(() => expect(document.activeElement).toBe(why));
  await fireEvent.input(why, { target: { value: "beside the point" } });
  await fireEvent.submit((why as HTMLInputElement).form as HTMLFormElement);
  await waitFor(() =>
    expect(last(callsTo(host, "reply.reject"))).toEqual({ id, who: "Ada", why: "beside the point" }),
  );
  await openWindow(`#/queue/${id}`);
});

test("a rejected one becomes a draft again", async () => {
  const host = await openWindow("#/queue/6");
  await fireEvent.click(await byId("reopen"));
  await waitFor(() => expect(callsTo(host, "reply.redraft")).toEqual([{ id: 6, who: "Ada", why: "" }]));
  await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("draft"));
});

test("edit: the text is changed before it is approved; the story keeps the old one", async () => {
  const host = await openWindow("#/queue/1");
  await byId("open-reply");
  press("e");
  const text = (await byId("reply-text")) as HTMLTextAreaElement;
  const before = text.value;
  await fireEvent.input(text, { target: { value: `${before} Really.` } });
  // letters are text now, not commands
  press("a");
  expect(callsTo(host, "reply.approve")).toHaveLength(0);
  await fireEvent.click(await byId("reply-save"));
  await waitFor(async () => expect((await byId("reply-shown")).textContent).toBe(`${before} Really.`));
  await waitForText("Changed by a person");
  await waitFor(async () => expect(textOf(await byId("story"))).toContain("edited by Ada"));
});

test("shortcuts are off and nothing is approved while an edit is not saved", async () => {
  const host = await openWindow("#/queue/1");
  await byId("open-reply");
  press("e");
  const text = (await byId("reply-text")) as HTMLTextAreaElement;
  await fireEvent.input(text, { target: { value: "words that nobody saved" } });
  expect(textOf(await byId("unsaved"))).toContain("Save or discard your edit first");
  expect((await byId("approve")).hasAttribute("disabled")).toBe(true);
  // the focus is elsewhere, as after a click beside the field
  text.blur();
  expect(document.activeElement).toBe(document.body);
  for (const key of ["a", "x", "j", "k", "c"]) press(key);
  // neither does a click on another reply leave the words behind
  await fireEvent.click(await byId("reply-2"));
  expect(await openReply()).toBe(1);
  expect(((await byId("reply-text")) as HTMLTextAreaElement).value).toBe("words that nobody saved");
  expect(callsTo(host, "reply.approve")).toHaveLength(0);
  expect(screen.queryByTestId("reject-why")).toBeNull();
  // discarded, the keys work again
  await fireEvent.click(await byId("reply-discard"));
  press("a");
  await waitFor(() => expect(callsTo(host, "reply.approve")).toHaveLength(1));
  // the board goes on to the next draft, in this test and not in the one after it
  await waitFor(async () => expect(await openReply()).not.toBe(1));
});

test("a reply that changed behind the window is not approved; the new version and the old words are shown", async () => {
  const host = await openWindow("#/queue/3");
  await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("draft"));
  const before = textOf(await byId("reply-shown"));
  // another program edits it, and the window has not heard of that yet
  const story = host.engine.replies.find((one) => one.reply.id === 3);
  if (!story) throw new Error("there is no reply 3");
  story.reply = { ...story.reply, text: "Other words." };
  press("a");
  const stale = await byId("stale");
  expect(stale.getAttribute("role")).toBe("alert");
  expect(textOf(stale)).toContain("this changed while you were looking");
  await waitFor(() => expect(textOf(stale)).toContain(before));
  await waitFor(async () => expect(textOf(await byId("reply-shown"))).toBe("Other words."));
  expect((await byId("open-reply")).dataset.state).toBe("draft");
  expect(story.reply.state).toBe("draft");
  // what is on the screen now can be approved
  press("a");
  await waitFor(() => expect(story.reply.state).toBe("approved"));
});

test("an approval of another machine says so and can be given again", async () => {
  const host = await openWindow("#/queue");
  const story = host.engine.replies.find((one) => one.reply.id === 8);
  if (!story) throw new Error("there is no reply 8");
  story.reply.again = "it was approved on another machine; read it, and approve it here";
  host.engine.changed("queue");
  location.hash = "#/queue/8";
  await waitFor(async () => expect(textOf(await byId("again-why"))).toContain("another machine"));
  await fireEvent.click(await byId("approve"));
  await waitFor(() => expect(callsTo(host, "reply.approve")).toHaveLength(1));
  await waitFor(() => expect(story.reply.again).toBe(""));
});

test("Escape does not throw typed words away", async () => {
  await openWindow("#/queue/1");
  await byId("open-reply");
  press("e");
  const text = (await byId("reply-text")) as HTMLTextAreaElement;
  await waitFor(() => expect(document.activeElement).toBe(text));
  await fireEvent.input(text, { target: { value: "mine" } });
  press("Escape");
  expect(((await byId("reply-text")) as HTMLTextAreaElement).value).toBe("mine");
});

test("an edit that is refused keeps the words and says why", async () => {
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
  host.engine.options.failing = {};
});

test("copy, then the link pasted back marks it as posted by hand", async () => {
  const host = await openWindow("#/queue/4");
  await fireEvent.click(await byId("copy"));
  await waitFor(() => expect(host.copied).toHaveLength(1));
  const link = (await byId("posted-link")) as HTMLInputElement;
  await fireEvent.input(link, { target: { value: "https://example.com/x" } });
  await fireEvent.click(await byId("mark-posted"));
  await waitForText("is no address of a comment on Reddit");
  expect(link.value).toBe("https://example.com/x");
  await fireEvent.input(link, { target: { value: "https://www.reddit.com/r/a/comments/b/-/c" } });
  await fireEvent.click(await byId("mark-posted"));
  await waitFor(async () => expect((await byId("open-reply")).dataset.state).toBe("posted"));
});

test("nothing approves more than one at a time", async () => {
  await openWindow("#/queue");
  await byId("board");
  const words = [...document.querySelectorAll("button, a")].map((one) => one.textContent ?? "").join("|");
  expect(words).not.toMatch(/approve all|all drafts/i);
});

test("another process's change comes to the board by itself", async () => {
  const host = await openWindow("#/queue");
  await byId("board");
  const { reply } = await host.call("reply.get", { id: 1 });
  await host.call("reply.approve", { id: 1, who: "cli", seen: reply.seen });
  await waitFor(async () => expect((await byId("column-approved")).querySelectorAll("li")).toHaveLength(6), {
    timeout: 3000,
  });
});
