import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { JobInfo, PostingRules } from "../../host";
import { newId } from "../../state/id";
import { go } from "../../state/route.svelte";
import {
  allAnswered,
  axeViolations,
  byId,
  callsTo,
  openWindow,
  press,
  type TestHost,
  textOf,
  waitForText,
} from "../../testing";

const SCREENS: [address: string, full: string | RegExp, empty: string | RegExp][] = [
  ["#/reddit/accounts", "Required before posting", "No accounts yet"],
  ["#/reddit/rules", "Footer", "Footer"],
  ["#/reddit/permissions", "1 opt-out to review", "No permissions yet"],
  ["#/reddit/threads", "skipped: asks for serious answers only", "No threads yet"],
  ["#/reddit/threads/16", /Skipped: opted out/i, /no thread/],
  ["#/reddit/outbox", "needs your decision", "Outbox is empty"],
  ["#/reddit/outcomes", "Predicted vs. actual bin", "No posted replies yet"],
  ["#/reddit/log", "rules changed", "No log entries yet"],
];

describe.each(SCREENS)("%s", (address, full, empty) => {
  test("full", async () => {
    await openWindow(address, { project: "unconfirmed" });
    await waitForText(full);
    expect(document.querySelectorAll("h1")).toHaveLength(1);
    expect(document.activeElement?.tagName).toBe("H1");
    expect(await axeViolations()).toEqual([]);
  });

  test("empty: says what to do and offers it", async () => {
    await openWindow(address, { project: "empty" });
    await waitForText(empty);
    expect(await axeViolations()).toEqual([]);
    const note = document.querySelector("[data-testid=empty]");
    if (note) expect(note.querySelector("a, button"), note.textContent ?? "").not.toBeNull();
  });
});

const type = (element: HTMLElement, value: string) => fireEvent.input(element, { target: { value } });
const started = (host: TestHost, kind: string) =>
  callsTo(host, "job.start").filter((job) => job.kind === kind) as unknown as (JobInfo & { params: never })[];
/** Waits until the job that was started is done: until then, the page may show the result of an earlier one. */
const done = (host: TestHost, kind: string) =>
  waitFor(async () => {
    const [job] = started(host, kind);
    expect(job).toBeDefined();
    expect((await host.ask("job.get", { job: job?.id ?? "" })).state).toBe("done");
  });

test("the screen is reached by shortcut and from the sidebar", async () => {
  await openWindow("#/overview");
  await byId("nav-reddit");
  press("g");
  press("r");
  await byId("screen-reddit");
  await waitForText("u/sample_answers_bot");
});

describe("accounts", () => {
  test("missing requirements are listed, and complete accounts are ready", async () => {
    await openWindow("#/reddit/accounts");
    const missing = textOf(await byId("missing-second_sample_bot"));
    expect(missing).toContain("a login");
    expect(missing).toContain("how Reddit approved the use");
    expect(missing).toContain("Reddit shows the app label");
    expect(textOf(await byId("state-sample_answers_bot"))).toContain("Ready to post");
  });

  test("an account can be added, and no secret can be entered", async () => {
    const host = await openWindow("#/reddit/accounts", { project: "empty" });
    await fireEvent.click(await byId("account-add"));
    expect(textOf(await byId("secrets"))).toContain("Passwords and secrets are not entered here");
    expect(document.querySelectorAll("input[type=password]")).toHaveLength(0);
    await type(await byId("account-name"), "my_new_bot");
    expect((await byId("account-save")).hasAttribute("disabled")).toBe(true);
    await type(await byId("account-client"), "exampleAppId0003");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("account-save"));
    await waitForText("u/my_new_bot added");
    expect(callsTo(host, "account.put")[0]).toMatchObject({
      account: { name: "my_new_bot", client_id: "exampleAppId0003", app: "script", port: 8920 },
      who: "Ada",
    });
    expect(textOf(await byId("missing-my_new_bot"))).toContain("a login");
  });

  test("confirming the app label records the user; a failure resets the checkbox", async () => {
    const host = await openWindow("#/reddit/accounts");
    const box = (await byId("label-second_sample_bot")) as HTMLInputElement;
    await fireEvent.click(box);
    await waitFor(() =>
      expect(callsTo(host, "account.label")).toEqual([
        { name: "second_sample_bot", labeled: true, who: "Ada" },
      ]),
    );
    // the box is checked before that is saved
    await waitFor(async () =>
      expect(textOf(await byId("account-second_sample_bot"))).toContain("Confirmed by Ada"),
    );
    expect(box.checked).toBe(true);
    host.failing = { "account.label": { code: "busy", message: "another process writes" } };
    await fireEvent.click(box);
    await waitForText("another process writes");
    await waitFor(() => expect(box.checked).toBe(true));
  });

  test("a login shows its address without storing it", async () => {
    const host = await openWindow("#/reddit/accounts", { login: false });
    await fireEvent.click(await byId("login-second_sample_bot"));
    const address = (await byId("visit-address")) as HTMLInputElement;
    expect(address.value).toContain(`${host.server}/api/v1/authorize`);
    await fireEvent.click(await byId("visit-open"));
    await waitFor(() => expect(host.opened).toEqual([address.value]));
    const [job] = await host.ask("jobs", {});
    expect(JSON.stringify(job)).not.toContain("authorize");
    expect(JSON.stringify(localStorage)).not.toContain("authorize");
    await host.call("job.cancel", { job: job?.id ?? "" });
    await waitFor(() => expect(screen.queryByTestId("visit")).toBeNull());
  });

  test("after a reload a login can be restarted once the old one has ended", async () => {
    const host = await openWindow("#/reddit/accounts", { login: false });
    // its address came with a signal that this page has not heard
    const old = newId();
    await host.other("job.start", {
      id: old,
      kind: "login",
      params: { account: "second_sample_bot", force: false },
    });
    expect(textOf(await byId("visit-lost"))).toContain("its address is no longer known");
    expect(screen.queryByTestId("visit-address")).toBeNull();
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("login-restart"));
    await waitFor(async () => expect((await host.ask("job.get", { job: old })).state).toBe("cancelled"));
    const address = (await byId("visit-address")) as HTMLInputElement;
    expect(address.value).toContain("authorize");
    expect(started(host, "login")).toHaveLength(1);
  });

  test("the redirect address can be pasted; an invalid one is refused and kept", async () => {
    const host = await openWindow("#/reddit/accounts", { login: false });
    await fireEvent.click(await byId("login-second_sample_bot"));
    await byId("visit-address");
    const field = (await byId("paste-address")) as HTMLInputElement;
    const { port } = (await host.ask("accounts", {})).find((one) => one.name === "second_sample_bot") ?? {};
    await type(field, "https://www.reddit.com/");
    await fireEvent.click(await byId("paste-login"));
    await waitForText(`http://127.0.0.1:${port}/callback?`);
    expect(field.value).toBe("https://www.reddit.com/");
    // where the browser ends
    const { value } = (await byId("visit-address")) as HTMLInputElement;
    const address = await host.visit(value);
    await type(field, address);
    await fireEvent.click(await byId("paste-login"));
    const jobs = () => host.ask("jobs", {});
    await waitFor(async () => expect((await jobs())[0]?.state).toBe("done"));
    expect(callsTo(host, "login.paste").at(-1)).toEqual({ account: "second_sample_bot", address });
    await waitFor(async () =>
      expect(textOf(await byId("missing-second_sample_bot"))).not.toContain("a login"),
    );
    expect(JSON.stringify(await jobs())).not.toContain(new URL(address).searchParams.get("code"));
  });

  test("without API access a sandbox can be started and stopped, and its account is marked", async () => {
    const host = await openWindow("#/reddit/accounts", { project: "empty" });
    expect(textOf(await byId("sandbox-offer"))).toContain("Nothing leaves this machine");
    await fireEvent.click(await byId("sandbox-start"));
    await waitFor(async () =>
      expect(textOf(await byId("sandbox-log"))).toContain("sandbox is running at http://127.0.0.1"),
    );
    expect(started(host, "sandbox")[0]?.params).toEqual({});
    expect(textOf(await byId("account-practice_bot"))).toContain("u/practice_bot sandbox");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("sandbox-stop"));
    await byId("sandbox-start");
    expect((await host.ask("jobs", {})).find((job) => job.kind === "sandbox")?.state).toMatch(
      /done|cancelled/,
    );
    // not offered with a Reddit account
    await host.other("account.remove", { name: "practice_bot", who: "cli" });
    await host.other("account.put", {
      account: {
        name: "a_real_bot",
        client_id: "exampleAppId0004",
        app: "script",
        operator: "",
        host: "",
        port: 8920,
        approval: "",
      },
      who: "Ada",
    });
    await waitFor(() => expect(screen.queryByTestId("sandbox-offer")).toBeNull());
    expect(textOf(await byId("account-a_real_bot"))).not.toContain("sandbox");
  });

  test("stopping requires a reason, resuming does not", async () => {
    const host = await openWindow("#/reddit/accounts");
    await fireEvent.click(await byId("stop-sample_answers_bot"));
    const yes = await byId("confirm-yes");
    expect(yes.hasAttribute("disabled")).toBe(true);
    await type(await byId("stop-why"), "a moderator wrote");
    await fireEvent.click(yes);
    await waitForText("Posting stopped: a moderator wrote");
    await fireEvent.click(await byId("resume-sample_answers_bot"));
    await waitFor(() => expect(callsTo(host, "account.stop").at(-1)).toMatchObject({ why: "" }));
  });
});

describe("rules", () => {
  test("loosening a limit requires a typed phrase", async () => {
    const host = await openWindow("#/reddit/rules");
    await type(await byId("rule-per_day"), "50");
    await fireEvent.click(await byId("rules-save"));
    await waitForText("this loosens per_day");
    expect(await axeViolations()).toEqual([]);
    const words = await byId("rules-confirm");
    await type(words, "I raise the limits");
    await fireEvent.click(await byId("rules-save"));
    await waitForText("Rules saved");
    const last = callsTo(host, "posting.rules.set").at(-1) as { rules: PostingRules; confirm: string };
    expect(last.confirm).toBe("I raise the limits");
    expect(last.rules.per_day).toBe(50);
    expect(screen.queryByTestId("rules-confirm")).toBeNull();
  });

  test("tightening needs no phrase, and the footer preview is live", async () => {
    const host = await openWindow("#/reddit/rules");
    await type(await byId("rule-per_day"), "3");
    await type(await byId("footer-text"), "A bot of u/{operator}. Say STOP.");
    await waitFor(async () =>
      expect(textOf(await byId("footer-preview"))).toBe("A bot of u/ada_example. Say STOP."),
    );
    await fireEvent.click(await byId("rules-save"));
    await waitForText("Rules saved");
    expect(callsTo(host, "posting.rules.set")[0]).toMatchObject({ confirm: "", rules: { per_day: 3 } });
  });
});

describe("permissions", () => {
  test("recording a permission requires checking the rules", async () => {
    const host = await openWindow("#/reddit/permissions");
    await fireEvent.click(await byId("permission-new"));
    await type(await byId("permission-subreddit"), "r/SampleBikes");
    await type(await byId("permission-link"), "https://www.reddit.com/message/messages/abc");
    expect((await byId("permission-save")).hasAttribute("disabled")).toBe(true);
    await fireEvent.click(await byId("permission-check"));
    expect(textOf(await byId("subreddit-rules"))).toContain("Bots are labeled");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("permission-save"));
    await byId("permission-SampleBikes");
    const { permission } = callsTo(host, "posting.permissions.put")[0] as { permission: { rules: string } };
    expect(permission.rules).toContain("Bots are labeled");
  });

  test("new opt-outs come first and need a decision", async () => {
    const host = await openWindow("#/reddit/permissions");
    expect(textOf(await byId("waiting"))).toContain("u/quiet_fern");
    await fireEvent.click(await byId("confirm-quiet_fern"));
    await waitFor(() => expect(screen.queryByTestId("waiting")).toBeNull());
    expect(callsTo(host, "optout.decide")).toEqual([{ whom: "u/quiet_fern", confirmed: true, who: "Ada" }]);
  });
});

describe("threads", () => {
  test("fetching uses the form", async () => {
    const host = await openWindow("#/reddit/threads");
    await fireEvent.click(await byId("fetch"));
    await type(await byId("fetch-subreddits"), "SampleBikes, SampleHiking");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("fetch-start"));
    await done(host, "fetch");
    await waitForText(/Fetched \d+ threads/);
    expect(started(host, "fetch")[0]?.params).toMatchObject({
      subreddits: ["SampleBikes", "SampleHiking"],
      limit: 25,
      min_comment_score: null,
    });
  });

  test("deletions of imported texts are synced on request", async () => {
    const host = await openWindow("#/reddit/threads");
    await fireEvent.click(await byId("sync-imported"));
    await waitFor(() => expect(started(host, "sync")[0]?.params).toEqual({ account: "", imported: true }));
  });

  test("drafting adds replies to the queue", async () => {
    const host = await openWindow("#/reddit/threads");
    await fireEvent.click(await byId("draft"));
    await waitFor(async () => expect((await byId("draft-start")).hasAttribute("disabled")).toBe(false));
    expect(await axeViolations()).toEqual([]);
    await fireEvent.change(await byId("draft-context"), { target: { value: "yes" } });
    await fireEvent.click(await byId("draft-start"));
    await done(host, "draft");
    await waitForText("Review drafts");
    expect(started(host, "draft")).toHaveLength(1);
    expect(started(host, "draft")[0]?.params).toMatchObject({
      fetch: null,
      threads: [],
      context: true,
      generate: { generator: "writer", realism: "judge", upvotes: "votes", queue: true, comments: [] },
    });
  });

  test("decoding settings and criteria are applied", async () => {
    const host = await openWindow("#/reddit/threads");
    await fireEvent.click(await byId("draft"));
    await waitFor(async () => expect((await byId("draft-start")).hasAttribute("disabled")).toBe(false));
    await type(await byId("min-p-real"), "0.6");
    await type(await byId("per-thread"), "2");
    await type(await byId("decode-temperature"), "0.7");
    await type(await byId("decode-min_p"), "0.05");
    await type(await byId("decode-no_repeat_ngram"), "3");
    expect(textOf(await byId("draft-decode"))).toContain("temperature 0.7, top-k 40");
    await fireEvent.click(await byId("draft-start"));
    await waitFor(() => expect(started(host, "draft")).toHaveLength(1));
    expect(started(host, "draft")[0]?.params).toMatchObject({
      generate: {
        sampling: { temperature: 0.7, top_k: 40, min_p: 0.05, no_repeat_ngram: 3, max_new_tokens: 64 },
        criteria: { min_p_real: 0.6, max_chars: 1000, per_thread: 2, keep_flagged: false },
      },
    });
  });

  test("a thread shows its tree, reasons for skipping, and replies", async () => {
    const host = await openWindow("#/reddit/threads/16", { project: "unconfirmed" });
    const { comments } = await host.ask("thread.get", { id: 16 });
    const first = await byId(`comment-${comments[0]?.id}`);
    expect(first.querySelector("ul")).not.toBeNull();
    expect((await byId("to-reply-11")).getAttribute("href")).toBe("#/queue/11");
    await waitFor(async () => expect(textOf(await byId("to-reply-11"))).toBe("Reply 11, approved"));
    go("#/reddit/threads/21");
    await waitFor(async () => expect(textOf(await byId("to-reply-15"))).toContain("unconfirmed"));
  });
});

test("outcomes show predicted vs. actual bins and removals, and can be refreshed", async () => {
  const host = await openWindow("#/reddit/outcomes");
  expect((await byId("bins")).querySelectorAll("tbody td")).toHaveLength(16);
  expect(textOf(await byId("outcome-rows"))).toContain("removed");
  await byId("chart-outcomes");
  // of the job before; what it found is not new any more
  await waitForText("1 new opt-out");
  await fireEvent.click(await byId("outcomes-refresh"));
  await done(host, "outcomes");
  await waitFor(async () =>
    expect(textOf(await byId("outcomes-result"))).toMatch(/^Fetched [^:]+: 2 outcomes, 1 removed\.$/),
  );
  expect(started(host, "outcomes")).toHaveLength(1);
});

test("the log can be filtered by reply", async () => {
  const host = await openWindow("#/reddit/log?reply=8");
  const lines = await host.ask("audit", { reply: 8, limit: 100 });
  expect(lines.length).toBeGreaterThan(1);
  await waitFor(async () =>
    expect((await byId("log")).querySelectorAll("tbody tr")).toHaveLength(lines.length),
  );
  expect(callsTo(host, "audit").at(-1)).toEqual({ reply: 8, limit: 100 });
});

describe("outbox", () => {
  const rows = async () =>
    [...(await byId("outbox")).querySelectorAll<HTMLElement>("tbody tr")].map((row) => [
      Number(row.querySelector("a")?.textContent),
      row.dataset.state,
    ]);

  test("lists every reply on Reddit, newest first, with a link to the queue", async () => {
    await openWindow("#/reddit/outbox", { project: "unconfirmed" });
    expect(await rows()).toEqual([
      [15, "uncertain"],
      [14, "absent"],
      [13, "cancelled"],
      [12, "approved"],
      [11, "approved"],
      [10, "posted"],
      [9, "withdrawn"],
      [8, "posted"],
    ]);
    expect((await byId("outbox")).querySelector("a")?.getAttribute("href")).toBe("#/queue/15");
  });

  test("can be filtered by state, which is kept in the address", async () => {
    await openWindow("#/reddit/outbox");
    await fireEvent.change(await byId("outbox-state"), { target: { value: "approved" } });
    await waitFor(async () =>
      expect(await rows()).toEqual([
        [12, "approved"],
        [11, "approved"],
      ]),
    );
    expect(location.hash).toBe("#/reddit/outbox?state=approved");
  });
});

describe("deleting by name", () => {
  test("needs confirmation and reports what was deleted", async () => {
    const host = await openWindow("#/reddit/threads");
    await fireEvent.click(await byId("delete-names"));
    expect((await byId("delete-next")).hasAttribute("disabled")).toBe(true);
    const { thread, comments } = await host.ask("thread.get", { id: 16 });
    const name = comments[0]?.link.split("/").filter(Boolean).at(-1);
    const names = [thread.name ?? "", `t1_${name}`];
    await type(await byId("delete-input"), names.join("\n"));
    await fireEvent.click(await byId("delete-next"));
    await waitForText("Permanently delete 2 comments and posts?");
    expect(callsTo(host, "forget.names")).toEqual([]);
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("delete-sure"));
    expect(textOf(await byId("deleted"))).toMatch(/Thread comments \d+ ?Posts 1/);
    expect(callsTo(host, "forget.names")).toEqual([{ names, who: "Ada" }]);
    await waitFor(() => expect(textOf(screen.getByTestId("thread-16"))).toContain("(deleted)"));
  });

  test("an invalid name is refused and the input kept, also without threads", async () => {
    await openWindow("#/reddit/threads", { project: "empty" });
    await fireEvent.click(await byId("delete-names"));
    await type(await byId("delete-input"), "u/somebody");
    await fireEvent.click(await byId("delete-next"));
    await fireEvent.click(await byId("delete-sure"));
    await waitForText("is not the name of a comment");
    const typed = (await byId("delete-input")) as HTMLTextAreaElement;
    expect(typed.value).toBe("u/somebody");
    await type(typed, "t1_unknown");
    await fireEvent.click(await byId("delete-next"));
    await fireEvent.click(await byId("delete-sure"));
    await waitForText("None of these are in this project");
  });
});

describe("a copied project file", () => {
  test("is flagged under Reddit and at a reply, and is used after confirmation", async () => {
    const original = await openWindow("#/reddit/accounts");
    await byId("state-sample_answers_bot");
    await allAnswered(original);
    expect(callsTo(original, "posting.file").length).toBeGreaterThan(0);
    expect(screen.queryByTestId("project-file")).toBeNull();
    const host = await openWindow("#/reddit/accounts", { copied: true });
    await waitFor(async () => expect(textOf(await byId("project-file"))).toContain(original.project));
    expect(textOf(await byId("project-file"))).not.toContain("repartee reddit adopt");
    location.hash = "#/queue/11";
    await waitFor(async () => expect(textOf(await byId("project-file"))).toContain("is a copy"));
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("adopt"));
    expect((await host.ask("posting.file", {})).asks).toBe(true);
    await fireEvent.click(await byId("adopt-sure"));
    await waitFor(() => expect(screen.queryByTestId("project-file")).toBeNull());
    expect((await host.ask("posting.file", {})).is).toBe("confirmed");
  });
});
