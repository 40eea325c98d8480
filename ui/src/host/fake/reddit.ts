// The Reddit part of the fake engine: accounts, permissions, threads, outbox and outcomes. All names and
// texts are synthetic.

import type {
  AccountInfo,
  AttemptInfo,
  AuditLine,
  Drafted,
  DraftReplies,
  Fetched,
  NextStep,
  OptOutInfo,
  OutboxInfo,
  OutboxStory,
  OutcomeRow,
  Outcomes,
  Post,
  PostingPermissionInfo,
  PostingRules,
  PostReport,
  ProjectFile,
  RedditState,
  ReplyInfo,
  ReplyStory,
  ShownReply,
  Synced,
  ThreadCommentInfo,
  ThreadInfo,
  ThreadStory,
} from "../api";
import type { Command, Params, Result } from "../index";
import { matrix } from "./draw";
import { type FakeEngine, fail, type Phase } from "./engine";
import { chance, pair, written } from "./words";

type Of<C extends Command> = { [K in C]: (params: Params<K>) => Result<K> };
type RedditCommand =
  | "accounts"
  | "account.put"
  | "account.remove"
  | "account.label"
  | "account.stop"
  | "account.logout"
  | "login.paste"
  | "posting.file"
  | "posting.adopt"
  | "posting.rules"
  | "posting.rules.set"
  | "posting.permissions"
  | "posting.permissions.put"
  | "posting.permissions.off"
  | "record.confirm"
  | "subreddit.preview"
  | "optouts"
  | "optout.add"
  | "optout.decide"
  | "threads"
  | "thread.get"
  | "threads.export"
  | "threads.import"
  | "outbox"
  | "outbox.get"
  | "reply.settle"
  | "reply.withdraw"
  | "reply.delete-duplicates"
  | "reply.rewrite.preview"
  | "reply.rewrite"
  | "outcomes"
  | "outcomes.chart"
  | "outcomes.chart.save"
  | "audit"
  | "forget.expired"
  | "forget.names";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const RAISE = "I raise the limits";
const SITE = "https://www.reddit.com";
const BOT = "sample_answers_bot";

const RULES: PostingRules = {
  account: BOT,
  watched: ["SampleBikes", "SampleGardening"],
  per_day: 10,
  per_subreddit: 2,
  per_thread: 1,
  per_author: 1,
  pause_min: 10,
  jitter: 0.5,
  hours: null,
  days: [],
  utc_offset_min: 0,
  footer: true,
  footer_text: "^(I'm a bot \\({model}\\), run by u/{operator}. Reply STOP and I will not answer you again.)",
  max_similar: 0.8,
  max_echo: 0.8,
  words: ["self harm", "overdose", "doxx"],
  context: false,
  context_comments: 6,
  keep_h: 48,
};

/** An account before its first check. */
const ACCOUNT: AccountInfo = {
  name: "",
  client_id: "",
  app: "script",
  operator: "",
  host: "",
  port: 8920,
  approval: "",
  labelled_by: "",
  facts: {
    checked_ms: null,
    login_ms: null,
    scope: "",
    suspended: false,
    karma: null,
    created_utc: null,
    verified: false,
    strangers: 0,
  },
  pause_ms: 0,
  stopped: "",
  missing: [],
  unconfirmed: "",
  seen: "",
};

const NOTHING: Synced = {
  looked_at: 0,
  gone: 0,
  doubted: 0,
  comments: 0,
  posts: 0,
  candidates: 0,
  cancelled: 0,
  imported: 0,
  redacted: 0,
  pairs: 0,
  answered: 0,
  scrubbed: true,
  copies: [],
  affected: [],
  left_out: { count: 0, items: [] },
};

const plain = (name: string, prefix: string) => {
  const bare = name.trim().replace(new RegExp(`^/?${prefix}/`, "i"), "");
  if (!/^[A-Za-z0-9_-]{2,21}$/.test(bare)) fail("usage", `"${name}" is no name of Reddit's`);
  return bare;
};

function missing(account: AccountInfo): string[] {
  return [
    account.facts.login_ms === null ? "a login" : "",
    account.approval === "" ? "a record of how Reddit approved the use" : "",
    account.labelled_by === "" ? "somebody's word that Reddit shows the account as an app" : "",
  ].filter(Boolean);
}

export const NOT_SHOWN: ShownReply = { full_text: "", account: "", server: "", seen: "", again: "" };

/** A fake hash with 64 hexadecimal digits. */
function hashOf(...parts: string[]): string {
  let [a, b] = [0x811c9dc5, 0x1b873593];
  for (const char of parts.map((part) => `${part.length}:${part}`).join("|")) {
    const code = char.codePointAt(0) ?? 0;
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b + code, 0x85ebca6b) ^ (b >>> 13);
  }
  return [a, b, a ^ b, Math.imul(a, b)]
    .map((n) => (n >>> 0).toString(16).padStart(8, "0"))
    .join("")
    .repeat(2);
}

export class FakeReddit {
  accounts: AccountInfo[] = [];
  rules: PostingRules = structuredClone({ ...RULES, account: "", watched: [] });
  permissions: PostingPermissionInfo[] = [];
  file: ProjectFile = {
    is: "confirmed",
    asks: false,
    words: "",
    path: "/home/me/sample.repartee",
    last_path: "/home/me/sample.repartee",
  };
  optouts: OptOutInfo[] = [];
  threads: ThreadStory[] = [];
  outbox: OutboxStory[] = [];
  outcomes: OutcomeRow[] = [];
  log: AuditLine[] = [];
  /** Logins waiting for a browser, by account. */
  #waiting = new Map<string, Phase>();

  constructor(readonly engine: FakeEngine) {}

  wipe(): void {
    this.accounts = [];
    this.rules = structuredClone({ ...RULES, account: "", watched: [] });
    this.permissions = [];
    this.optouts = [];
    this.threads = [];
    this.outbox = [];
    this.outcomes = [];
    this.log = [];
  }

  fill(): void {
    const now = Date.now();
    this.rules = structuredClone(RULES);
    this.accounts = [
      {
        name: BOT,
        client_id: "exampleAppId0001",
        app: "script",
        operator: "ada_example",
        host: "",
        port: 8920,
        approval: "case 0001, approved 3 November 2026",
        labelled_by: "Ada",
        facts: {
          checked_ms: now - 20 * MINUTE,
          login_ms: now - 20 * MINUTE,
          scope: "identity read submit edit",
          suspended: false,
          karma: 214,
          created_utc: (now - 96 * DAY) / 1000,
          verified: true,
          strangers: 0,
        },
        pause_ms: 0,
        stopped: "",
        missing: [],
        unconfirmed: "",
        seen: "",
      },
      {
        name: "second_sample_bot",
        client_id: "exampleAppId0002",
        app: "installed",
        operator: "ada_example",
        host: "",
        port: 8920,
        approval: "",
        labelled_by: "",
        facts: {
          checked_ms: null,
          login_ms: null,
          scope: "",
          suspended: false,
          karma: null,
          created_utc: null,
          verified: false,
          strangers: 0,
        },
        pause_ms: 0,
        stopped: "",
        missing: [],
        unconfirmed: "",
        seen: "",
      },
    ];
    for (const account of this.accounts) {
      account.missing = missing(account);
      account.seen = hashOf(account.name, account.approval);
    }
    const permission = (subreddit: string, more: Partial<PostingPermissionInfo>): PostingPermissionInfo => ({
      subreddit,
      link: `${SITE}/message/messages/${subreddit.toLowerCase()}`,
      note: "",
      who: "Ada",
      given_ms: now - 12 * DAY,
      expires_ms: null,
      checked_ms: now - 3 * HOUR,
      off: "",
      pause_ms: 0,
      unconfirmed: "",
      seen: hashOf(subreddit),
      ...more,
    });
    this.permissions = [
      permission("SampleHiking", { note: "The moderators agreed to two answers a day, with the footer." }),
      permission("SampleGuitars", { expires_ms: now + 30 * DAY, note: "A trial of six weeks." }),
      permission("SampleGardening", { off: "its rules have changed since the permission was recorded" }),
    ];
    this.optouts = [
      {
        kind: "user",
        name: "quiet_fern",
        state: "asked",
        why: "replied: please stop",
        source: "t1_stop1",
        who: "repartee",
        at_ms: now - 2 * HOUR,
      },
      {
        kind: "user",
        name: "slow_pedal",
        state: "confirmed",
        why: "asked in a message",
        source: "",
        who: "Ada",
        at_ms: now - 6 * DAY,
      },
      {
        kind: "subreddit",
        name: "SampleCooking",
        state: "confirmed",
        why: "no bots there",
        source: "",
        who: "Ada",
        at_ms: now - 9 * DAY,
      },
    ];
    this.threads = [
      this.#thread(1, 5, { title: "Second time this year: what am I doing wrong?" }),
      this.#thread(2, 5, { title: "Help me decide before the weekend" }),
      this.#thread(3, 2, {
        skip: "the post asks for serious answers only",
        title: "[Serious] How do I start?",
      }),
    ];
    this.#replies(now);
    this.log = this.#history(now);
  }

  #thread(id: number, comments: number, more: Partial<ThreadInfo>): ThreadStory {
    const now = Date.now();
    const { subreddit } = pair(id * 17);
    const name = `t3_sample${id}`;
    const link = `${SITE}/r/${subreddit}/comments/sample${id}/-`;
    const some = Array.from({ length: comments }, (_, n): ThreadCommentInfo => {
      const gone = id === 2 && n === 2;
      return {
        id: id * 100 + n,
        parent: n === 0 || n === 3 ? null : id * 100 + n - 1,
        author: gone
          ? null
          : `${["green", "slow", "north", "quiet", "late"][n % 5]}_${subreddit.slice(6).toLowerCase()}`,
        body: gone ? "" : pair(id * 23 + n).comment,
        score: n === 4 ? null : 3 + Math.floor(chance(id * 7 + n, 41) * 60),
        created_utc: (now - (5 - n * 0.5) * HOUR) / 1000,
        level: n === 0 || n === 3 ? 0 : n === 2 ? 2 : 1,
        skip: gone ? "deleted" : n === 4 ? "opted out" : more.skip ? "its thread is not answered" : "",
        link: gone ? "" : `${link}/c${id}${n}`,
        replies: [],
      };
    });
    return {
      thread: {
        id,
        origin: "reddit",
        subreddit,
        title: "",
        author: `asker_${id}`,
        name,
        score: 20 + Math.floor(chance(id, 42) * 180),
        created_utc: (now - 6 * HOUR) / 1000,
        comments,
        open: some.filter((one) => one.skip === "").length,
        fetched_ms: now - (id + 1) * HOUR,
        expires_ms: now + (47 - id) * HOUR,
        skip: "",
        link,
        ...more,
      },
      body: pair(id * 29).comment,
      comments: some,
    };
  }

  /** Adds a reply to a stored comment to the queue. */
  #enqueue(
    state: string,
    thread: ThreadStory,
    comment: ThreadCommentInfo,
    more: Partial<OutboxInfo> = {},
  ): OutboxStory {
    const { engine } = this;
    const id = engine.replies.length + 1;
    const now = Date.now();
    const text = written(id * 11);
    const raw = [1, 2, 3, 4].map((k) => chance(id, 50 + k) ** 3 + 0.02);
    const sum = raw.reduce((a, b) => a + b, 0);
    const bins = raw.map((p) => p / sum) as [number, number, number, number];
    const reply: ReplyInfo = {
      id,
      state,
      text,
      written: text,
      subreddit: thread.thread.subreddit,
      title: thread.thread.title,
      comment: comment.body,
      p_real: 0.9 + 0.09 * chance(id, 55),
      bins,
      predicted: bins.indexOf(Math.max(...bins)),
      expected_bin: bins.reduce((all, p, i) => all + i * p, 0),
      by_hand: false,
      reason: "the best of 10 candidates",
      link: more.link ?? "",
      updated_ms: now - 30 * MINUTE,
      ...NOT_SHOWN,
    };
    const events = [{ at_ms: now - 3 * HOUR, who: "repartee", what: "drafted", detail: "" }];
    if (state !== "draft") events.push({ at_ms: now - 2 * HOUR, who: "Ada", what: "approved", detail: "" });
    engine.replies.push({ reply, events });
    comment.replies.push(id);
    const story: OutboxStory = {
      outbox: {
        reply: id,
        state,
        account: state === "draft" ? "" : BOT,
        subreddit: thread.thread.subreddit,
        author: comment.author,
        post_name: thread.thread.name,
        parent_name: `t1_c${comment.id}`,
        parent_link: comment.link,
        full_text: "",
        approved_by: state === "draft" ? "" : "Ada",
        approved_ms: state === "draft" ? null : now - 2 * HOUR,
        attempt: 0,
        not_before_ms: 0,
        posted_name: null,
        posted_ms: null,
        link: "",
        code: "",
        detail: "",
        needs_person: false,
        seen: "",
        server: "",
        again: "",
        ...more,
      },
      attempts: [],
      objections: [],
    };
    this.outbox.push(story);
    return story;
  }

  #replies(now: number): void {
    this.outbox = [];
    const [first, second] = this.threads;
    if (!first || !second) return;
    const place = (thread: ThreadStory, n: number) =>
      [thread, thread.comments[n] as ThreadCommentInfo] as const;
    const attempt = (more: Partial<AttemptInfo>): AttemptInfo => ({
      number: 1,
      started_ms: now - 40 * MINUTE,
      ended_ms: now - 40 * MINUTE + 30_000,
      status: null,
      class: 5,
      excerpt: "",
      looks: [],
      ...more,
    });
    // 8: ready to be posted
    this.#enqueue("approved", ...place(first, 0));
    // 9: has blocking issues
    const waits = this.#enqueue("approved", ...place(second, 0));
    waits.objections = [
      {
        code: "no-permission",
        words: `no permission is recorded for r/${waits.outbox.subreddit}`,
        until_ms: null,
      },
      {
        code: "pace",
        words: "10 minutes lie between two replies at least",
        until_ms: now + 10 * MINUTE,
      },
    ];
    // 10: delivery unconfirmed
    const uncertain = this.#enqueue("uncertain", ...place(first, 1), {
      attempt: 1,
      code: "no-answer",
      detail: "the connection broke after it was sent",
    });
    uncertain.attempts = [
      attempt({ looks: [[now - 35 * MINUTE, "our own comments", "nothing of this text"]] }),
    ];
    // 11: not found on Reddit
    const absent = this.#enqueue("absent", ...place(first, 3), {
      attempt: 1,
      code: "absent",
      detail: "it was checked several times and not found; send it again, or abandon it",
      needs_person: true,
    });
    absent.attempts = [
      attempt({
        status: 503,
        excerpt: "service unavailable",
        looks: [
          [now - 35 * MINUTE, "our own comments", "nothing of this text"],
          [now - 20 * MINUTE, "what answers the comment", "nothing of ours"],
        ],
      }),
    ];
    // 12: on Reddit
    const link = `${second.thread.link}/posted12`;
    const posted = this.#enqueue("posted", ...place(second, 1), {
      attempt: 1,
      posted_name: "t1_posted12",
      posted_ms: now - 26 * HOUR,
      link,
    });
    posted.attempts = [attempt({ class: 4, status: 200, started_ms: now - 26 * HOUR })];
    // 13: withdrawn; 14: parent comment deleted
    this.#enqueue("withdrawn", ...place(first, 2), {
      posted_name: "t1_posted13",
      posted_ms: now - 8 * DAY,
      link: `${first.thread.link}/posted13`,
    });
    this.#enqueue("cancelled", ...place(second, 2), { code: "parent-gone", detail: "the comment is gone" });
    for (const one of this.outbox) this.#text(one);
    const row = (
      reply: number,
      state: string,
      predicted: number,
      actual: number | null,
      days: number,
      scores: number[],
    ): OutcomeRow => {
      const p = pair(reply * 3);
      const raw = [1, 2, 3, 4].map((k) => 0.4 * chance(reply, 60 + k) + (k - 1 === predicted ? 0.6 : 0.02));
      const sum = raw.reduce((a, b) => a + b, 0);
      const posted_ms = now - days * DAY;
      return {
        reply,
        state,
        subreddit: p.subreddit,
        text: written(reply * 11),
        link: `${SITE}/r/${p.subreddit}/comments/sample/-/posted${reply}`,
        posted_ms,
        p_real: 0.9 + 0.09 * chance(reply, 55),
        bins: raw.map((one) => one / sum) as [number, number, number, number],
        predicted,
        expected_bin: raw.reduce((all, p, i) => all + (i * p) / sum, 0),
        actual,
        readings: scores.map((score, i) => {
          const after_s = [3600, 86_400, 604_800][i] ?? 3600;
          const gone = score < -50 ? "removed" : "";
          return { after_s, at_ms: posted_ms + after_s * 1000, score: gone ? null : score, gone };
        }),
      };
    };
    this.outcomes = [
      row(12, "posted", 1, 1, 1.1, [2, 5]),
      row(5, "posted", 2, 2, 9, [3, 8, 9]),
      row(13, "withdrawn", 1, 0, 8, [-1, -3]),
      row(21, "posted", 2, 3, 11, [6, 19, 22]),
      row(22, "posted", 0, 0, 12, [1, -99]),
      row(23, "posted", 1, 1, 14, [1, 3, 3]),
    ];
  }

  #history(now: number): AuditLine[] {
    const line = (minutes: number, who: string, what: string, more: Partial<AuditLine> = {}): AuditLine => ({
      at_ms: now - minutes * MINUTE,
      who,
      what,
      subject: "",
      reply: null,
      hash: "",
      detail: "",
      ...more,
    });
    return [
      line(20, "repartee", "logged in", { subject: `u/${BOT}` }),
      line(39, "repartee", "uncertain", {
        subject: "t1_c101",
        reply: 10,
        detail: "the connection broke after it was sent",
      }),
      line(40, "repartee", "sending", { subject: "t1_c101", reply: 10, hash: "6f1c0a92b7d3e4" }),
      line(120, "Ada", "approved", { reply: 10, hash: "6f1c0a92b7d3e4" }),
      line(125, "repartee", "asked", { subject: "u/quiet_fern", detail: "replied: please stop" }),
      line(12 * 1440, "Ada", "allowed", { subject: "r/SampleHiking", detail: "two answers a day" }),
      line(13 * 1440, "Ada", "rules changed", { detail: "loosened per_day" }),
    ];
  }

  #note(who: string, what: string, more: Partial<AuditLine> = {}): void {
    this.log.unshift({
      at_ms: Date.now(),
      who,
      what,
      subject: "",
      reply: null,
      hash: "",
      detail: "",
      ...more,
    });
  }

  #account(name: string): AccountInfo {
    return (
      this.accounts.find((one) => one.name === plain(name, "u")) ??
      fail("not-found", `there is no account u/${name}`)
    );
  }

  /** The full text of a reply that can still change. */
  #text({ outbox }: OutboxStory): void {
    const reply = this.#reply(outbox.reply).reply;
    const { full_text, server, seen, again } = this.#shown(reply, outbox.account || this.rules.account);
    Object.assign(outbox, { full_text, server, seen, again });
  }

  #shown(reply: ReplyInfo, name: string, text = reply.text): ShownReply {
    const account = this.accounts.find((one) => one.name === name);
    const footer = this.rules.footer_text
      .replaceAll("{model}", "writer")
      .replaceAll("{account}", account?.name ?? "")
      .replaceAll("{operator}", account?.operator ?? "");
    const full_text = this.rules.footer && account ? `${text}\n\n${footer}` : text;
    const { comment, title, subreddit, again } = reply;
    return {
      full_text,
      account: account?.name ?? "",
      server: account ? (account.host ? "sandbox" : "reddit") : "",
      seen: hashOf(full_text, comment, title, subreddit, name),
      again,
    };
  }

  /** A reply with the hash of its current content. */
  show(story: ReplyStory): ReplyStory {
    const { reply } = story;
    const known = this.outbox.find((one) => one.outbox.reply === reply.id);
    Object.assign(reply, this.#shown(reply, known ? known.outbox.account || this.rules.account : ""));
    return story;
  }

  /** Throws if the reply has changed since it was shown. */
  sameAsSeen(reply: ReplyInfo, seen: string): void {
    if (!/^[0-9a-f]{16}/.test(seen)) fail("usage", `"${seen}" is not the hash of what was shown`);
    if (!reply.seen.startsWith(seen))
      fail("changed", `reply ${reply.id} is not what was shown: the text changed; look at it again`);
  }

  #reply(id: number): ReplyStory {
    return (
      this.engine.replies.find((one) => one.reply.id === id) ?? fail("not-found", `there is no reply ${id}`)
    );
  }

  /** The outbox entry of any reply, nearly empty for one that is not on Reddit. */
  #story(id: number): OutboxStory {
    const { reply } = this.#reply(id);
    const known = this.outbox.find((one) => one.outbox.reply === id);
    const story: OutboxStory = known ?? {
      outbox: {
        reply: id,
        state: reply.state,
        account: "",
        subreddit: reply.subreddit,
        author: null,
        post_name: null,
        parent_name: null,
        parent_link: "",
        full_text: reply.text,
        approved_by: "",
        approved_ms: null,
        attempt: 0,
        not_before_ms: 0,
        posted_name: null,
        posted_ms: null,
        link: reply.link,
        code: "",
        detail: "",
        needs_person: false,
        seen: "",
        server: "",
        again: "",
      },
      attempts: [],
      objections: [],
    };
    // queue commands do not update the outbox
    Object.assign(story.outbox, { state: reply.state });
    if (known) {
      if (reply.state === "approved" && story.outbox.account === "")
        Object.assign(story.outbox, {
          account: this.rules.account,
          approved_by: "Ada",
          approved_ms: Date.now(),
        });
      this.#text(known);
    }
    return { ...story, objections: reply.state === "approved" ? story.objections : [] };
  }

  #becomes(
    id: number,
    state: string,
    who: string,
    what: string,
    more: Partial<OutboxInfo> = {},
  ): OutboxStory {
    const { reply, events } = this.#reply(id);
    const story = this.outbox.find((one) => one.outbox.reply === id);
    Object.assign(reply, { state, updated_ms: Date.now(), ...(more.link ? { link: more.link } : {}) });
    events.push({ at_ms: Date.now(), who, what, detail: more.detail ?? "" });
    if (story) Object.assign(story.outbox, { state, code: "", detail: "", needs_person: false, ...more });
    this.#note(who, what, { reply: id });
    this.engine.changed("queue", "reddit", "outcomes");
    return this.#story(id);
  }

  #sum(): Outcomes {
    const counts: Outcomes["counts"] = [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ];
    let [right, judged] = [0, 0];
    for (const { actual, predicted } of this.outcomes) {
      if (actual === null || predicted === null) continue;
      const row = counts[actual as 0];
      row[predicted as 0] += 1;
      judged += 1;
      right += Number(actual === predicted);
    }
    const removed = this.outcomes.filter((one) => one.readings.some((r) => r.gone !== "")).length;
    const majority = Math.max(...counts.map((row) => row.reduce((all, n) => all + n, 0)));
    return { rows: this.outcomes, counts, right, judged, majority, removed };
  }

  /** The Reddit part of the overview. */
  state(): RedditState {
    return {
      accounts: this.accounts.length,
      threads: this.threads.length,
      open: this.threads
        .filter((one) => one.thread.skip === "")
        .flatMap((one) => one.comments.filter((c) => c.skip === "" && c.replies.length === 0)).length,
      permissions: this.permissions.filter((one) => one.off === "").length,
      due: 0,
    };
  }

  /** The first missing step before an approved reply can be posted. */
  next(approved: number): NextStep[] {
    const account = this.accounts.find((one) => one.name === this.rules.account) ?? this.accounts[0];
    const step = (name: string, what: string, why: string) => [{ step: name, what, why, kind: null }];
    if (account?.facts.login_ms === null)
      return step("log-in", `Log in u/${account.name}`, "Reading threads and posting require a login.");
    if (approved === 0) return [];
    return account
      ? step(
          "post",
          "Post an approved reply",
          "One at a time, on your confirmation. Any blocking rule is shown first.",
        )
      : step(
          "post-by-hand",
          "Post an approved reply by hand",
          "Copy its text from the queue and record the link. Or add an account under Reddit, Accounts, to post from here.",
        );
  }

  readonly commands: Of<RedditCommand> = {
    accounts: () => this.accounts,
    "account.put": ({ account, who }) => {
      const name = plain(account.name, "u");
      if (account.client_id.trim() === "") fail("usage", "a client id is needed");
      const known = this.accounts.find((one) => one.name === name);
      const made: AccountInfo = {
        ...(known ?? structuredClone(ACCOUNT)),
        ...account,
        name,
        operator: account.operator ? plain(account.operator, "u") : name,
      };
      made.missing = missing(made);
      this.accounts = known
        ? this.accounts.map((one) => (one.name === name ? made : one))
        : [...this.accounts, made];
      this.#note(who, known ? "account changed" : "account added", { subject: `u/${name}` });
      this.engine.changed("reddit");
      return made;
    },
    "account.remove": ({ name, who }) => {
      this.#account(name);
      this.accounts = this.accounts.filter((one) => one.name !== name);
      this.#note(who, "account removed", { subject: `u/${name}` });
      this.engine.changed("reddit");
      return null;
    },
    "record.confirm": ({ record, name, seen, who }) => {
      const found =
        record === "account"
          ? this.#account(name)
          : (this.permissions.find((one) => one.subreddit === name) ??
            fail("not-found", `no permission is recorded for r/${name}`));
      if (found.seen !== seen)
        fail("changed", `what is recorded of ${name} is not what was shown; look at it again`);
      found.unconfirmed = "";
      if ("missing" in found) found.missing = missing(found);
      this.#note(who, "confirmed", { subject: `${record === "account" ? "u" : "r"}/${name}` });
      this.engine.changed("reddit");
      return null;
    },
    "account.label": ({ name, labelled, who }) => {
      const account = this.#account(name);
      account.labelled_by = labelled ? who : "";
      account.missing = missing(account);
      this.#note(who, labelled ? "labelled" : "not labelled", { subject: `u/${name}` });
      this.engine.changed("reddit");
      return account;
    },
    "account.stop": ({ name, why, who }) => {
      const account = this.#account(name);
      account.stopped = why;
      this.#note(who, why ? "stopped" : "resumed", { subject: `u/${name}`, detail: why });
      this.engine.changed("reddit");
      return account;
    },
    "account.logout": ({ name, who }) => {
      const account = this.#account(name);
      account.facts.login_ms = null;
      account.missing = missing(account);
      this.#note(who, "logged out", { subject: `u/${name}` });
      this.engine.changed("reddit");
      return account;
    },
    "login.paste": ({ account: name, address }) => {
      const account = this.#account(name);
      const waits = this.#waiting.get(account.name);
      if (!waits) fail("not-found", `no login of u/${account.name} waits for its end; start it again`);
      const begins = `http://127.0.0.1:${account.port}/callback?`;
      if (!address.trim().startsWith(begins))
        fail("usage", `the pasted address is not the end of this login: it does not begin with ${begins}`);
      if (waits) waits.seconds = 0.01;
      return null;
    },
    "posting.rules": () => this.rules,
    "posting.rules.set": ({ rules, confirm, who }) => {
      const { rules: old } = this;
      for (const word of ["bot", "{operator}", "stop"])
        if (!rules.footer_text.toLowerCase().includes(word))
          fail(
            "usage",
            "the footer must say that a bot writes, name {operator}, and tell how to opt out (STOP)",
          );
      if (!(rules.keep_h >= 1 && rules.keep_h <= 48)) fail("usage", "keep_h must lie between 1 and 48");
      const up = (
        ["per_day", "per_subreddit", "per_thread", "per_author", "max_similar", "max_echo"] as const
      ).filter((key) => rules[key] > old[key]);
      const loosened: string[] = [...up];
      if (rules.pause_min < old.pause_min) loosened.push("pause_min");
      if (old.words.some((word) => !rules.words.includes(word))) loosened.push("words");
      if (old.hours !== null && rules.hours === null) loosened.push("hours");
      if (loosened.length > 0 && confirm.trim() !== RAISE)
        fail("usage", `this loosens ${loosened.join(", ")}; to confirm it, write "${RAISE}"`);
      this.rules = rules;
      this.#note(who, "rules changed", {
        detail: loosened.length > 0 ? `loosened ${loosened.join(", ")}` : "",
      });
      this.engine.changed("reddit", "settings");
      return rules;
    },
    "posting.file": () => this.file,
    "posting.adopt": ({ who }) => {
      this.file = { ...this.file, is: "confirmed", asks: false, words: "", last_path: this.file.path };
      this.#note(who, "file confirmed", { detail: this.file.path });
      this.engine.changed("reddit");
      return this.file;
    },
    "posting.permissions": () => this.permissions,
    "posting.permissions.put": ({ permission, who }) => {
      const subreddit = plain(permission.subreddit, "r");
      if (!/^https?:\/\//.test(permission.link)) fail("usage", `"${permission.link}" is no link`);
      const { link, note, expires_ms } = permission;
      const made: PostingPermissionInfo = {
        subreddit,
        link,
        note,
        who,
        given_ms: Date.now(),
        expires_ms,
        checked_ms: permission.rules ? Date.now() : null,
        off: "",
        pause_ms: 0,
        unconfirmed: "",
        seen: hashOf(subreddit, link, note),
      };
      this.permissions = [made, ...this.permissions.filter((one) => one.subreddit !== subreddit)];
      this.#note(who, "allowed", { subject: `r/${subreddit}` });
      this.engine.changed("reddit");
      return made;
    },
    "posting.permissions.off": ({ subreddit, why, who }) => {
      const permission =
        this.permissions.find((one) => one.subreddit === plain(subreddit, "r")) ??
        fail("not-found", `no permission is recorded for r/${subreddit}`);
      permission.off = why || `${who} switched it off`;
      this.#note(who, "switched off", { subject: `r/${subreddit}`, detail: why });
      this.engine.changed("reddit");
      return permission;
    },
    "subreddit.preview": ({ subreddit }) => {
      if (this.accounts.length === 0) fail("not-found", "there is no account yet; add one first");
      const name = plain(subreddit, "r");
      const rules: [string, string][] = [
        ["Be kind", "Answer as you would like to be answered."],
        ["Stay on the topic", ""],
        ["Bots only by arrangement", "Write to the moderators before you let a program answer here."],
      ];
      const closed = name.startsWith("Closed") ? "it is private" : "";
      return {
        subreddit: name,
        title: `All about ${name.replace(/^Sample/, "").toLowerCase()}`,
        subscribers: 48_210,
        closed,
        rules,
        rules_json: JSON.stringify(rules),
      };
    },
    optouts: () => this.optouts,
    "optout.add": ({ whom, why, who }) => {
      const kind = /^\/?r\//i.test(whom) ? "subreddit" : "user";
      const name = plain(whom, kind === "user" ? "u" : "r");
      this.optouts.push({ kind, name, state: "confirmed", why, source: "", who, at_ms: Date.now() });
      this.#note(who, "opted out", { subject: whom, detail: why });
      this.engine.changed("reddit");
      return this.optouts;
    },
    "optout.decide": ({ whom, confirmed, who }) => {
      const kind = whom.startsWith("r/") ? "subreddit" : "user";
      const found =
        this.optouts.find((one) => one.kind === kind && one.name === whom.slice(2)) ??
        fail("not-found", `${whom} is not on the list`);
      Object.assign(found, { state: confirmed ? "confirmed" : "declined", who, at_ms: Date.now() });
      this.#note(who, confirmed ? "opt-out confirmed" : "opt-out declined", { subject: whom });
      this.engine.changed("reddit");
      return this.optouts;
    },
    threads: () => [...this.threads].reverse().map((one) => one.thread),
    "thread.get": ({ id }) =>
      this.threads.find((one) => one.thread.id === id) ?? fail("not-found", `there is no thread ${id}`),
    "threads.export": ({ threads }) => threads.length || this.threads.length,
    "threads.import": ({ path }) => {
      if (!path.endsWith(".jsonl"))
        fail("bad-input", `${path}, line 1: not a thread as this program writes them`);
      const made = this.#thread(this.threads.length + 1, 3, { title: "From a file", origin: "file" });
      this.threads.push(made);
      this.engine.changed("threads");
      return [made.thread];
    },
    outbox: ({ state }) =>
      this.outbox
        .map((one) => this.#story(one.outbox.reply).outbox)
        .filter((one) => !state || one.state === state),
    "outbox.get": ({ id }) => this.#story(id),
    "reply.settle": ({ id, settle, who }) => {
      const { state, post_name } = this.#story(id).outbox;
      if (settle.settle === "again") {
        if (state !== "absent")
          fail("usage", `reply ${id} is ${state}; only what is absent can be sent again`);
        this.sameAsSeen(this.show(this.#reply(id)).reply, settle.seen);
        return this.#becomes(id, "approved", who, "sent again", {
          detail: "a person wants it to be sent again",
        });
      }
      if (settle.settle === "give-up")
        return state === "uncertain"
          ? this.#becomes(id, "withdrawn", who, "given up", { code: "given-up" })
          : this.#becomes(id, "cancelled", who, "given up", { code: "given-up" });
      if (!settle.link.includes(`/comments/${(post_name ?? "").slice(3)}/`))
        fail(
          "usage",
          `"${settle.link}" is not the link of a comment under the post that reply ${id} belongs to`,
        );
      return this.#becomes(id, "posted", who, "found by a person", {
        link: settle.link,
        posted_name: "t1_found",
        posted_ms: Date.now(),
      });
    },
    "reply.withdraw": ({ id, seen, who }) => {
      this.sameAsSeen(this.show(this.#reply(id)).reply, seen);
      return this.#becomes(id, "withdrawn", who, "withdrawn");
    },
    "reply.delete-duplicates": ({ id, seen, who }) => {
      this.sameAsSeen(this.show(this.#reply(id)).reply, seen);
      return this.#becomes(id, "posted", who, "duplicate deleted", { code: "", detail: "" });
    },
    "reply.rewrite.preview": ({ id, text }) =>
      this.#shown(this.#reply(id).reply, this.#story(id).outbox.account, text),
    "reply.rewrite": ({ id, text, seen, who }) => {
      const { reply } = this.#reply(id);
      this.sameAsSeen({ ...reply, ...this.#shown(reply, this.#story(id).outbox.account, text) }, seen);
      reply.text = text;
      return this.#becomes(id, "posted", who, "rewritten");
    },
    outcomes: () => this.#sum(),
    "outcomes.chart": () =>
      matrix(
        "Upvotes: predicted and actual bin",
        `${this.outcomes.length} posted replies`,
        ["bin 0", "bin 1", "bin 2", "bin 3"],
        this.#sum().counts,
      ),
    "outcomes.chart.save": ({ files }) => files,
    audit: ({ reply, limit }) =>
      this.log.filter((line) => reply === null || line.reply === reply).slice(0, limit),
    "forget.expired": () => NOTHING,
    "forget.names": ({ names, who }) => {
      const bad = names.find((name) => !/^t[13]_\w+$|\/comments\/\w+/.test(name));
      if (bad !== undefined)
        fail("usage", `"${bad}" is not the name of a comment (t1_...) or post (t3_...), and no link to one`);
      const gone = this.threads.filter((one) => names.includes(one.thread.name ?? ""));
      this.threads = this.threads.filter((one) => !gone.includes(one));
      const comments = gone.reduce((sum, one) => sum + one.comments.length, 0);
      for (const name of names) this.#note(who, "purged", { subject: name });
      this.engine.changed("threads", "queue", "reddit");
      return { ...NOTHING, gone: names.length, posts: gone.length, comments };
    },
  };

  /** The work of a Reddit job; null for other jobs. */
  plan(kind: string, params: unknown, id: string): { phases: Phase[]; finish: () => unknown } | null {
    const phase = (words: string, total: number, unit: string, seconds: number): Phase => ({
      phase: words,
      total,
      unit,
      seconds,
    });
    switch (kind) {
      case "login": {
        const { account: name } = params as { account: string };
        const account = this.#account(name || this.rules.account);
        const waits = phase("waiting for the browser", 10, "answers", 30);
        if (account.app !== "script") this.#waiting.set(account.name, waits);
        if (account.app !== "script")
          waits.tick = (done) => {
            if (done < 2)
              this.engine.send({
                event: "job",
                job: id,
                signal: {
                  event: "visit",
                  address: `${SITE}/api/v1/authorize?state=example&client_id=${account.client_id}`,
                },
              });
          };
        return {
          phases: [
            ...(account.app === "script" ? [] : [waits]),
            phase("asking Reddit who we are", 1, "calls", 1),
          ],
          finish: () => {
            this.#waiting.delete(account.name);
            Object.assign(account.facts, {
              checked_ms: Date.now(),
              login_ms: Date.now(),
              karma: account.facts.karma ?? 12,
              created_utc: account.facts.created_utc ?? Date.now() / 1000 - 30 * 86_400,
              verified: true,
            });
            account.missing = missing(account);
            this.engine.changed("reddit");
            return account;
          },
        };
      }
      case "sandbox": {
        const host = "http://127.0.0.1:41234";
        const made: AccountInfo = {
          ...structuredClone(ACCOUNT),
          name: "practice_bot",
          operator: "practice_person",
          host,
          app: "script",
          approval: "none is needed: a Reddit sandbox on this machine",
          labelled_by: "repartee",
          missing: [],
        };
        const serves = phase("running a Reddit sandbox", 1, "requests", 1e9);
        let told = false;
        serves.tick = () => {
          if (told) return;
          told = true;
          const text = `it listens at ${host}; nothing leaves this machine`;
          this.engine.logs[id]?.push({ at_ms: Date.now(), text });
          this.engine.send({ event: "job", job: id, signal: { event: "log", text } });
          this.accounts = [...this.accounts.filter((one) => one.name !== made.name), made];
          this.engine.changed("reddit");
        };
        return { phases: [serves], finish: () => null };
      }
      case "fetch":
        return {
          phases: [
            phase("reading rising posts", 2, "subreddits", 1),
            phase("reading threads", 2, "threads", 3),
          ],
          finish: () => this.#fetched(),
        };
      case "draft": {
        const ask = params as DraftReplies;
        return {
          phases: [
            ...(ask.fetch ? [phase("reading threads", 2, "threads", 2)] : []),
            phase("writing", 48, "tokens", 4),
            phase("scoring", 40, "replies", 2),
          ],
          finish: () => this.#drafted(ask),
        };
      }
      case "post": {
        const ask = params as Post;
        return {
          phases: [
            phase("looking", 1, "calls", 1),
            // the second reply waits ten minutes after the first
            ...(ask.wait
              ? ask.replies.slice(1).map((reply) => ({
                  ...phase("posting", 600, "s", 600),
                  next: { reply, at_ms: Date.now() + 10 * MINUTE },
                }))
              : []),
            ...(ask.live ? [phase("sending", 1, "replies", 2)] : []),
          ],
          finish: () => this.#post(ask),
        };
      }
      case "reconcile":
        return {
          phases: [phase("checking whether a reply arrived", 2, "looks", 2)],
          finish: () => {
            const found = this.engine.replies
              .filter((one) => one.reply.state === "uncertain")
              .map((one) => one.reply.id);
            for (const reply of found) {
              const { link } = this.threads[0]?.thread ?? { link: SITE };
              this.#becomes(reply, "posted", "repartee", "found", {
                posted_name: `t1_found${reply}`,
                posted_ms: Date.now(),
                link: `${link}/found${reply}`,
              });
            }
            return { posted: found, absent: [], open: [], next_ms: null };
          },
        };
      case "sync":
        return {
          phases: [phase("checking what still exists", 120, "texts", 3)],
          finish: () => ({ ...NOTHING, looked_at: 120 }),
        };
      case "outcomes":
        return {
          phases: [phase("reading scores", 3, "replies", 2)],
          finish: () => {
            this.engine.changed("outcomes");
            return { read: 2, removed: 0, asked: 1, failed: 0, left_out: { count: 0, items: [] } };
          },
        };
      default:
        return null;
    }
  }

  #fetched(): Fetched {
    const made = [4, 5].map((n) =>
      this.#thread(this.threads.length + n - 3, n - 1, {
        title: n === 4 ? "Just fetched: any advice?" : "Is this worth it?",
      }),
    );
    this.threads.push(...made);
    this.engine.changed("threads");
    return {
      threads: made.map((one) => one.thread),
      passed_over: [["t3_locked1", "the thread is locked"]],
      missing: [],
      unread: 0,
      failed: 0,
    };
  }

  #drafted(ask: DraftReplies): Drafted {
    const fetched = ask.fetch ? this.#fetched() : null;
    const wanted = new Set([...ask.threads, ...(fetched?.threads ?? []).map((one) => one.id)]);
    const queued: number[] = [];
    for (const thread of this.threads) {
      if (wanted.size > 0 && !wanted.has(thread.thread.id)) continue;
      const open = thread.comments.find((one) => one.skip === "" && one.replies.length === 0);
      if (!open || thread.thread.skip) continue;
      const made = this.#enqueue("draft", thread, open);
      this.#text(made);
      queued.push(made.outbox.reply);
    }
    this.engine.changed("threads", "queue");
    if (queued.length === 0) return { fetched, generated: null, left_out: { count: 0, items: [] } };
    const { generator, realism, upvotes, candidates, sampling, criteria, device } = ask.generate;
    const config = { generator, realism, upvotes, candidates, sampling, criteria, device };
    return {
      fetched,
      generated: { generation: 99, comments: [], queued, left_out: { count: 0, items: [] }, config },
      left_out: { count: 0, items: [] },
    };
  }

  #post(ask: Post): PostReport {
    const replies = ask.replies.map((id) => {
      const { objections } = this.#story(id);
      const against = objections.find((one) => !(ask.skip_pause && one.code === "pace"));
      const link = `${this.threads[0]?.thread.link ?? SITE}/posted${id}`;
      const base = { reply: id, code: "", detail: "", link: "", not_before_ms: 0 };
      if (against !== undefined)
        return {
          ...base,
          state: "approved",
          code: against.code,
          detail: against.words,
          not_before_ms: Date.now() + 10 * MINUTE,
        };
      if (!ask.live) return { ...base, state: "ready" };
      const story = this.outbox.find((one) => one.outbox.reply === id);
      story?.attempts.push({
        number: story.attempts.length + 1,
        started_ms: Date.now() - 2000,
        ended_ms: Date.now(),
        status: 200,
        class: 4,
        excerpt: "",
        looks: [],
      });
      this.#becomes(id, "posted", "repartee", "posted", {
        posted_name: `t1_posted${id}`,
        posted_ms: Date.now(),
        link,
      });
      return { ...base, state: "posted", link };
    });
    return { account: ask.account || BOT, live: ask.live === true, replies, next_ms: null };
  }
}
