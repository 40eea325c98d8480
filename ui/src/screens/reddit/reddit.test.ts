import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { JobInfo, PostingRules } from "../../host";
import { axeViolations, byId, callsTo, openWindow, press, textOf, waitForText } from "../../testing";

const SCREENS: [address: string, full: string | RegExp, empty: string | RegExp][] = [
  ["#/reddit/accounts", "Required before posting", "No accounts yet"],
  ["#/reddit/rules", "Footer", "Footer"],
  ["#/reddit/permissions", "1 opt-out to review", "No permissions yet"],
  ["#/reddit/threads", "skipped: the post asks for serious answers only", "No threads yet"],
  ["#/reddit/threads/1", "Skipped: opted out", "there is no thread 1"],
  ["#/reddit/outbox", "needs your decision", "Outbox is empty"],
  ["#/reddit/outcomes", "Predicted vs. actual bin", "No posted replies yet"],
  ["#/reddit/log", "rules changed", "No log entries yet"],
];

describe.each(SCREENS)("%s", (address, full, empty) => {
  test("full", async () => {
    await openWindow(address);
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
const started = (host: Awaited<ReturnType<typeof openWindow>>, kind: string) =>
  callsTo(host, "job.start").filter((job) => job.kind === kind) as unknown as (JobInfo & { params: never })[];

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
    expect(missing).toContain("Reddit shows the account as an app");
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
        { name: "second_sample_bot", labelled: true, who: "Ada" },
      ]),
    );
    await waitFor(() => expect(box.checked).toBe(true));
    host.engine.options.failing = { "account.label": { code: "busy", message: "another process writes" } };
    await fireEvent.click(box);
    await waitForText("another process writes");
    await waitFor(() => expect(box.checked).toBe(true));
  });

  test("a login shows its address without storing it", async () => {
    const host = await openWindow("#/reddit/accounts", { speed: 1 });
    await fireEvent.click(await byId("login-second_sample_bot"));
    const address = (await byId("visit-address")) as HTMLInputElement;
    expect(address.value).toContain("https://www.reddit.com/api/v1/authorize");
    await fireEvent.click(await byId("visit-open"));
    await waitFor(() => expect(host.opened).toEqual([address.value]));
    const [job] = host.engine.jobs;
    expect(JSON.stringify(job)).not.toContain("authorize");
    expect(JSON.stringify(localStorage)).not.toContain("authorize");
    await host.call("job.cancel", { job: job?.id ?? "" });
    await waitFor(() => expect(screen.queryByTestId("visit")).toBeNull());
  });

  test("after a reload a login can be restarted once the old one has ended", async () => {
    const host = await openWindow("#/reddit/accounts", { speed: 1 });
    const old: JobInfo = {
      id: "old",
      kind: "login",
      state: "running",
      want: null,
      progress: {
        phase: "waiting for the browser",
        done: 0,
        total: null,
        unit: "answers",
        note: "",
        eta_s: null,
      },
      outcome: null,
      params: { account: "second_sample_bot", force: false },
      created_ms: Date.now(),
      ended_ms: null,
      place: null,
      stops_queue: false,
    };
    host.engine.jobs.unshift(old);
    host.engine.changed("jobs");
    expect(textOf(await byId("visit-lost"))).toContain("its address is no longer known");
    expect(screen.queryByTestId("visit-address")).toBeNull();
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("login-restart"));
    await waitFor(() => expect(old.want).toBe("cancel"));
    // the old login still uses the port
    expect(started(host, "login")).toHaveLength(0);
    Object.assign(old, { state: "cancelled", want: null, ended_ms: Date.now() });
    host.engine.changed("jobs");
    const address = (await byId("visit-address")) as HTMLInputElement;
    expect(address.value).toContain("authorize");
    expect(started(host, "login")).toHaveLength(1);
  });

  test("the redirect address can be pasted; an invalid one is refused and kept", async () => {
    const host = await openWindow("#/reddit/accounts", { speed: 1 });
    await fireEvent.click(await byId("login-second_sample_bot"));
    const field = (await byId("paste-address")) as HTMLInputElement;
    await type(field, "https://www.reddit.com/");
    await fireEvent.click(await byId("paste-login"));
    await waitForText("it does not begin with http://127.0.0.1:8920/callback?");
    expect(field.value).toBe("https://www.reddit.com/");
    const address = "http://127.0.0.1:8920/callback?state=example&code=c";
    await type(field, address);
    await fireEvent.click(await byId("paste-login"));
    await waitFor(() => expect(host.engine.jobs[0]?.state).toBe("done"), { timeout: 4000 });
    expect(callsTo(host, "login.paste").at(-1)).toEqual({ account: "second_sample_bot", address });
    await waitFor(async () =>
      expect(textOf(await byId("missing-second_sample_bot"))).not.toContain("a login"),
    );
    expect(JSON.stringify(host.engine.jobs)).not.toContain("code=c");
  });

  test("without API access a sandbox can be started and stopped, and its account is marked", async () => {
    const host = await openWindow("#/reddit/accounts", { project: "empty" });
    expect(textOf(await byId("sandbox-offer"))).toContain("Nothing leaves this machine");
    await fireEvent.click(await byId("sandbox-start"));
    expect(textOf(await byId("sandbox-log"))).toContain("it listens at http://127.0.0.1");
    expect(started(host, "sandbox")[0]?.params).toEqual({});
    expect(textOf(await byId("account-practice_bot"))).toContain("u/practice_bot sandbox");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("sandbox-stop"));
    await byId("sandbox-start");
    expect(host.engine.jobs[0]?.state).toBe("cancelled");
    // not offered with a Reddit account
    await host.call("account.put", {
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
    expect(textOf(await byId("footer-preview"))).toBe("A bot of u/ada_example. Say STOP.");
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
    expect(textOf(await byId("subreddit-rules"))).toContain("Bots only by arrangement");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("permission-save"));
    await byId("permission-SampleBikes");
    const { permission } = callsTo(host, "posting.permissions.put")[0] as { permission: { rules: string } };
    expect(permission.rules).toContain("Bots only by arrangement");
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
    await waitForText("Fetched 2 threads");
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
    expect(textOf(await byId("draft-decode"))).toContain("temperature 0.7, top-k 40");
    await fireEvent.click(await byId("draft-start"));
    await waitFor(() => expect(started(host, "draft")).toHaveLength(1));
    expect(started(host, "draft")[0]?.params).toMatchObject({
      generate: {
        sampling: { temperature: 0.7, top_k: 40, max_new_tokens: 64 },
        criteria: { min_p_real: 0.6, max_chars: 1000, per_thread: 2 },
      },
    });
  });

  test("a thread shows its tree, reasons for skipping, and replies", async () => {
    await openWindow("#/reddit/threads/1");
    const first = await byId("comment-100");
    expect(first.querySelector("ul")).not.toBeNull();
    expect((await byId("to-reply-8")).getAttribute("href")).toBe("#/queue/8");
    await waitFor(async () => expect(textOf(await byId("to-reply-8"))).toBe("Reply 8, approved"));
    expect(textOf(await byId("to-reply-10"))).toContain("unconfirmed");
  });
});

test("outcomes show predicted vs. actual bins and removals, and can be refreshed", async () => {
  const host = await openWindow("#/reddit/outcomes");
  expect((await byId("bins")).querySelectorAll("tbody td")).toHaveLength(16);
  expect(textOf(await byId("outcome-rows"))).toContain("removed");
  await byId("chart-outcomes");
  await fireEvent.click(await byId("outcomes-refresh"));
  await waitFor(() => expect(started(host, "outcomes")).toHaveLength(1));
  await waitForText("1 new opt-out");
});

test("the log can be filtered by reply", async () => {
  const host = await openWindow("#/reddit/log?reply=10");
  await waitFor(async () => expect((await byId("log")).querySelectorAll("tbody tr")).toHaveLength(3));
  expect(callsTo(host, "audit").at(-1)).toEqual({ reply: 10, limit: 100 });
});

describe("outbox", () => {
  const rows = async () =>
    [...(await byId("outbox")).querySelectorAll<HTMLElement>("tbody tr")].map((row) => [
      Number(row.querySelector("a")?.textContent),
      row.dataset.state,
    ]);

  test("lists every reply on Reddit, newest first, with a link to the queue", async () => {
    await openWindow("#/reddit/outbox");
    expect(await rows()).toEqual([
      [14, "cancelled"],
      [13, "withdrawn"],
      [12, "posted"],
      [11, "absent"],
      [10, "uncertain"],
      [9, "approved"],
      [8, "approved"],
    ]);
    expect(textOf(await byId("outbox"))).toContain("the connection broke after it was sent");
    expect((await byId("outbox")).querySelector("a")?.getAttribute("href")).toBe("#/queue/14");
  });

  test("can be filtered by state, which is kept in the address", async () => {
    await openWindow("#/reddit/outbox");
    await fireEvent.change(await byId("outbox-state"), { target: { value: "approved" } });
    await waitFor(async () =>
      expect(await rows()).toEqual([
        [9, "approved"],
        [8, "approved"],
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
    await type(await byId("delete-input"), "t3_sample1\nt1_c100");
    await fireEvent.click(await byId("delete-next"));
    await waitForText("Permanently delete 2 comments and posts?");
    expect(callsTo(host, "forget.names")).toEqual([]);
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("delete-sure"));
    expect(textOf(await byId("deleted"))).toMatch(/^Thread comments 5 ?Posts 1$/);
    expect(callsTo(host, "forget.names")).toEqual([{ names: ["t3_sample1", "t1_c100"], who: "Ada" }]);
    await waitFor(() => expect(screen.queryByTestId("thread-1")).toBeNull());
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
  const WORDS =
    "This project file is a copy: it was last used as /home/me/a.repartee, and that file still exists. Confirm it; `repartee reddit adopt` does it";

  test("is flagged under Reddit and at a reply, and is used after confirmation", async () => {
    const host = await openWindow("#/reddit/accounts");
    expect(screen.queryByTestId("project-file")).toBeNull();
    host.engine.reddit.file = { ...host.engine.reddit.file, is: "copied", asks: true, words: WORDS };
    host.engine.changed("settings");
    await waitFor(async () => expect(textOf(await byId("project-file"))).toContain("/home/me/a.repartee"));
    expect(textOf(await byId("project-file"))).not.toContain("repartee reddit adopt");
    location.hash = "#/queue/8";
    await waitFor(async () => expect(textOf(await byId("project-file"))).toContain("is a copy"));
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("adopt"));
    expect(host.engine.reddit.file.asks).toBe(true);
    await fireEvent.click(await byId("adopt-sure"));
    await waitFor(() => expect(screen.queryByTestId("project-file")).toBeNull());
    expect(host.engine.reddit.file.is).toBe("confirmed");
  });
});
