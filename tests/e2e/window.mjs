// The real window, driven as a user would: WebKitGTK's own driver starts the built program.

import { execFile, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { remote } from "webdriverio";

const run = promisify(execFile);

/** The workspace, and the programs that were built in it. */
export const workspace = resolve(import.meta.dirname, "../..");
const built = process.env.REPARTEE_BUILT || join(workspace, "target/debug");
export const app = join(built, "repartee-app");
export const cli = join(built, "repartee-under-test");

/** The pipeline on synthetic threads, as small as possible: the models generate gibberish, but every screen has
 * something to show. */
export const SMALL = "0.04";

// The user's state is the tests' own, and the same for the window and the command line.
const state = mkdtempSync(join(tmpdir(), "repartee-e2e-state-"));
process.on("exit", () => rmSync(state, { recursive: true, force: true }));
process.env.REPARTEE_STATE = state;

export const pause = (ms) => new Promise((later) => setTimeout(later, ms));

/** An element that was re-rendered during a check. */
const isStale = (error) => /stale element/i.test(`${error.name} ${error.message}`);

/** Repeats a query until its answer is truthy, and returns it. */
export async function until(ask, what, ms = 20_000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await Promise.resolve(ask()).catch((error) => {
      if (!isStale(error)) throw error;
    });
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`);
    await pause(50);
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A temporary folder, removed when the tests end. */
export function place() {
  const folder = mkdtempSync(join(tmpdir(), "repartee-e2e-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    path: (name) => join(folder, name),
    write(name, content) {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
  };
}

/** Runs the command line, and gives what it printed; `--json` gives its result. */
export async function repartee(args, options = {}) {
  const { stdout } = await run(cli, args, { maxBuffer: 1 << 28, ...options });
  if (!args.includes("--json")) return stdout;
  return JSON.parse(stdout.trim().split("\n").at(-1)).result;
}

function copyProject(from, to) {
  copyFileSync(from, to);
  // what is not yet moved into the file belongs to it
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
  return to;
}

/**
 * A project after the full pipeline, as a copy of its own. Created once per build, or REPARTEE_E2E_SAMPLE.
 */
export async function sample(at) {
  const given = process.env.REPARTEE_E2E_SAMPLE;
  if (given) return copyProject(given, at.path("sample.repartee"));
  const { mtimeMs, size } = statSync(cli);
  const folder = join(tmpdir(), `repartee-e2e-sample-${Math.round(mtimeMs)}-${size}`);
  if (!existsSync(folder)) {
    const fresh = mkdtempSync(join(tmpdir(), "repartee-e2e-making-"));
    await repartee(["demo", join(fresh, "demo"), "--sample-threads", "120", "--scale", SMALL, "--quiet"]);
    renameSync(fresh, folder);
  }
  return copyProject(join(folder, "demo", "demo.repartee"), at.path("sample.repartee"));
}

/** Rows of the table form of Reddit's text: a comment and a reply in each. */
export function csv(rows, { broken = [] } = {}) {
  const lines = ["comment,reply,score,subreddit,post"];
  for (let i = 0; i < rows; i += 1) {
    lines.push(`What do you do about rust on part ${i} of a chain?,Oil it after ${i} rides and wipe it dry.,${i % 40},cycling,t3_${i}`);
  }
  for (const [at, line] of broken) lines[at] = line;
  return `${lines.join("\n")}\n`;
}

/** Processes by id, each with its parent's, its program and its words. */
export function processes() {
  const found = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const after = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      found.set(Number(name), {
        parent: Number(after[1]),
        started: Number(after[19]),
        words: readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0"),
      });
    } catch {
      // it has ended in the meantime
    }
  }
  return found;
}

/** A process and all below it. */
export function tree(root) {
  const all = processes();
  const inside = [root];
  for (const id of inside) for (const [other, { parent }] of all) if (parent === id) inside.push(other);
  return inside;
}

/**
 * Opens the window. `project`: a file to begin with; `settings`: the user's; `at`: the folder of the
 * settings, for a second window to find; `env`: more of the environment.
 */
export async function open(options = {}) {
  const { project, settings = {}, at = place(), width = 1180, height = 780, env = {} } = options;
  const config = at.path("config");
  mkdirSync(config, { recursive: true });
  const usual = { person: "ada", notify: false, theme: "light", folder: at.folder };
  writeFileSync(join(config, "desk.json"), JSON.stringify({ settings: { ...usual, ...settings } }));
  const port = await freePort();
  const driver = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], {
    env: {
      ...process.env,
      REPARTEE_CONFIG: config,
      TAURI_AUTOMATION: "true",
      TAURI_WEBVIEW_AUTOMATION: "true",
      GDK_BACKEND: "x11",
      LIBGL_ALWAYS_SOFTWARE: "1",
      ...env,
    },
    stdio: "ignore",
  });
  // jobs are processes of their own, on purpose; those of a test end with it
  const stop = () => {
    const workers = [...processes()].filter(([, { words }]) => words[1] === "work" && words[2]?.startsWith(at.folder));
    for (const [id] of workers) {
      try {
        process.kill(id, "SIGKILL");
      } catch {
        // it ended by itself
      }
    }
    driver.kill("SIGKILL");
  };
  process.on("exit", stop);
  await listening(port);
  const browser = await remote({
    hostname: "127.0.0.1",
    port,
    logLevel: "error",
    connectionRetryCount: 0,
    connectionRetryTimeout: 60_000,
    capabilities: {
      "wdio:enforceWebDriverClassic": true,
      "webkitgtk:browserOptions": { binary: app, args: project ? [project] : [] },
    },
  });
  const [, pid] = tree(driver.pid); // all that the driver starts is the program
  await browser.setWindowSize(width, height);
  const window = { browser, at, pid, ...ways(browser) };
  window.close = async () => {
    await browser.deleteSession().catch(() => {});
    stop();
    process.off("exit", stop);
  };
  await window.screen(project ? "overview" : "start", 60_000);
  return window;
}

async function listening(port) {
  await until(
    () => fetch(`http://127.0.0.1:${port}/status`).then(
      () => true,
      () => false,
    ),
    "WebKitWebDriver answers (the package webkit2gtk-driver)",
  );
}

/** Actions in a window and checks of what it shows. Elements by `data-testid`. */
function ways(browser) {
  const css = (id) => `[data-testid="${id}"]`;
  const find = (id) => browser.$(css(id));
  const shown = async (id, ms = 20_000) => {
    await find(id).waitForDisplayed({ timeout: ms });
    return find(id);
  };
  const windowWays = {
    find,
    shown,
    screen: (name, ms) => shown(`screen-${name}`, ms),
    /** Waits until it can be clicked, and clicks. */
    async click(id, ms = 20_000) {
      await find(id).waitForEnabled({ timeout: ms });
      await (await shown(id, ms)).click();
    },
    /** Clicks what has this text or this accessible name: a button, link, tab or summary in sight. */
    async press(words, within = "body") {
      const element = await until(
        () =>
          browser.execute(
            (text, root) => {
              const say = (one) => (one.getAttribute("aria-label") ?? one.textContent).replace(/\s+/g, " ").trim();
              const top = [...document.querySelectorAll("dialog[open]")].at(-1);
              const all = (top ?? document.querySelector(root))?.querySelectorAll(
                "button, a, summary, label, [role=tab]",
              );
              const fits = [...(all ?? [])].filter((one) => one.checkVisibility() && !one.disabled);
              return fits.find((one) => say(one) === text) ?? fits.find((one) => say(one).startsWith(text));
            },
            words,
            within,
          ),
        `“${words}” can be clicked`,
      );
      try {
        await (await browser.$(element)).click();
      } catch (error) {
        if (!isStale(error)) throw error;
        await windowWays.press(words, within);
      }
    },
    async type(id, text) {
      await (await shown(id)).setValue(text);
    },
    /** Keys one after the other, where the focus is. */
    async keys(...keys) {
      for (const key of keys) await browser.keys(key);
    },
    async text(id) {
      // the driver's own text leaves out what is cut short by an ellipsis
      return browser.execute((one) => one.innerText.trim(), await shown(id));
    },
    attribute: (id, name) => find(id).getAttribute(name),
    says: (text, ms) =>
      until(() => browser.execute((t) => document.body.innerText.includes(t), text), `the page says “${text}”`, ms),
    /** Goes to an address, and waits until all of it is there. */
    async go(address) {
      await browser.execute((to) => {
        location.hash = to.slice(1);
      }, address);
      await windowWays.rests();
    },
    /** Until nothing is waited for any more, and it is painted. */
    rests: () =>
      until(
        () =>
          browser.executeAsync((done) => {
            const waits = () =>
              [...document.querySelectorAll("p[role=status].muted")].some((p) => p.textContent.endsWith("…"));
            if (waits()) return done(false);
            setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(!waits()))), 120);
          }),
        "the screen is there",
      ),
  };
  return windowWays;
}
