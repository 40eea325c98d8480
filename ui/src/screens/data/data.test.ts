import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import { fixture } from "../../../tests/engine";
import type { Jobs, PairRow } from "../../host";
import { count } from "../../parts/format";
import { newId } from "../../state/id";
import { go } from "../../state/route.svelte";
import { byId, callsTo, openWindow, pairRows, press, type TestHost, waitForText } from "../../testing";
import { binNames, edgesFrom } from "./edges";
import { EMPTY_FILTER, filterOf, names } from "./filter";
import ImportResult from "./ImportResult.svelte";
import { blank, KINDS } from "./study";

const last = <T>(list: T[]) => list.at(-1);

describe("filter", () => {
  test("parses names with and without prefixes", () => {
    expect(names("r/Cooking, /r/AskReddit u/ada")).toEqual(["Cooking", "AskReddit", "ada"]);
  });
  test("placeholders are off by default", () => {
    expect(filterOf(EMPTY_FILTER).filter?.placeholders).toBe(false);
    expect(filterOf({ ...EMPTY_FILTER, placeholders: true }).filter?.placeholders).toBe(true);
  });
  test("an empty filter keeps everything", () => {
    expect(filterOf(EMPTY_FILTER).filter).toMatchObject({ subreddits: [], min_score: null, after_utc: null });
  });
  test("invalid input is reported", () => {
    expect(filterOf({ ...EMPTY_FILTER, min_score: "many" }).error).toContain("whole number");
    expect(filterOf({ ...EMPTY_FILTER, min_score: "5", max_score: "1" }).error).toContain("above max score");
    expect(filterOf({ ...EMPTY_FILTER, after: "2019-04-01" }).filter?.after_utc).toBe(1_554_076_800);
    expect(filterOf({ ...EMPTY_FILTER, before: "1 April" }).error).toContain("2019-04-01");
    expect(filterOf({ ...EMPTY_FILTER, before: "2019-13-01" }).error).toContain("2019-04-01");
  });
});

describe("edges", () => {
  test("must increase", () => {
    expect(edgesFrom(["1", "6", "11"]).edges).toEqual([1, 6, 11]);
    expect(edgesFrom(["1", "1", "11"])).toMatchObject({ edges: null, invalid: [1] });
    expect(edgesFrom(["1", "", "x"]).invalid).toEqual([1, 2]);
  });
  test("name the bins", () => {
    expect(binNames([1, 2, 11])).toEqual(["below 1", "1", "2 to 10", "11 and up"]);
  });
});

/** A table of 20 pairs, of which three have no valid score. */
const answers = (host: TestHost) =>
  host.write(
    "data/answers.csv",
    Array.from({ length: 20 }, (_, n) => {
      const votes = [4, 9, 15].includes(n) ? "many" : n;
      return `What about part ${n} of the chain?,Oil it after ${n + 2} rides.,${votes},SampleBikes\n`;
    }).reduce((table, row) => table + row, "question,answer,votes,forum\n"),
  );

/** An archive of comments in Pushshift's format. */
const archive = (host: TestHost, name: string, first = 1000) =>
  host.write(
    `data/${name}`,
    Array.from({ length: 5 }, (_, n) => {
      const id = (first + n).toString(36);
      const parent_id = n === 0 ? "t3_abc" : `t1_${(first + n - 1).toString(36)}`;
      const about = {
        link_id: "t3_abc",
        subreddit: "SampleBikes",
        author: `rider${n}`,
        created_utc: 1_554_076_800,
      };
      return JSON.stringify({
        id,
        parent_id,
        ...about,
        score: n,
        body: `Oil the chain after ${n + 2} rides.`,
      });
    }).join("\n"),
  );

/** The record that there is no permission. */
const NONE = KINDS.map(({ value }) => blank(value, "none"));

describe("import", () => {
  const addFile = async (path: string) => {
    await fireEvent.input(await byId("import-path"), { target: { value: path } });
    await fireEvent.click(await byId("import-add"));
  };

  test("a table is mapped, filtered and imported, and rejected rows can be read", async () => {
    const host = await openWindow("#/data/import", { project: "empty" });
    const file = answers(host);
    await addFile(file);
    await byId("mapping");
    await fireEvent.change(screen.getByLabelText("Comment"), { target: { value: "question" } });
    await fireEvent.change(screen.getByLabelText("Reply"), { target: { value: "answer" } });
    await fireEvent.change(screen.getByLabelText("Reply score"), { target: { value: "votes" } });
    await fireEvent.change(screen.getByLabelText("Subreddit"), { target: { value: "" } });
    await waitForText("Select the origin of the text.");
    expect(((await byId("import-start")) as HTMLButtonElement).disabled).toBe(true);
    await fireEvent.change(await byId("origin"), { target: { value: "forum" } });
    await waitFor(async () =>
      expect(((await byId("import-start")) as HTMLButtonElement).disabled).toBe(false),
    );
    expect(screen.queryByTestId("study-question")).toBeNull();
    await fireEvent.change(await byId("permission"), { target: { value: "own" } });
    await fireEvent.input(await byId("permission-note"), { target: { value: "mine" } });
    await fireEvent.input(screen.getByLabelText("Min score"), { target: { value: "2" } });
    await fireEvent.click(await byId("import-start"));
    await byId("import-result");
    expect(location.hash).toMatch(/^#\/data\/import\?job=/);
    expect(last(callsTo(host, "job.start"))).toMatchObject({
      kind: "import",
      params: {
        files: [file],
        format: "mapped",
        mapping: { comment: "question", reply: "answer", subreddit: null },
        permission: "own",
        note: "mine",
        origin: "forum",
        study: [],
        filter: { min_score: 2 },
      },
    });
    await waitForText("3 rows could not be read");
  });

  test("a table of comments is mapped by ID, parent and text", async () => {
    const host = await openWindow("#/data/import", { project: "empty" });
    await addFile(answers(host));
    await fireEvent.change(await byId("format"), { target: { value: "comments" } });
    await waitForText("Select the column for ID, Parent, Text.");
    expect(screen.queryByLabelText("Reply")).toBeNull();
    for (const [label, column] of [
      ["ID", "votes"],
      ["Parent", "forum"],
      ["Text", "answer"],
    ] as const)
      await fireEvent.change(screen.getByLabelText(label), { target: { value: column } });
    await fireEvent.change(await byId("origin"), { target: { value: "forum" } });
    await waitFor(async () =>
      expect(((await byId("import-start")) as HTMLButtonElement).disabled).toBe(false),
    );
    await fireEvent.click(await byId("import-start"));
    await byId("import-result");
    expect(last(callsTo(host, "job.start"))).toMatchObject({
      params: {
        format: "comments",
        mapping: { comment: "", reply: "", id: "votes", parent: "forum", text: "answer" },
      },
    });
  });

  test("an import says what it replaced by placeholders", async () => {
    const host = await openWindow("#/overview");
    const [source] = await host.ask("sources", {});
    if (!source) throw new Error("there is no source");
    const counts = { ...source.counts, replaced: { email: 3, link: 1200 } };
    render(ImportResult, { result: { sources: [{ ...source, counts }] }, onanother: () => {} });
    await waitForText("Replaced with placeholders: 3 email, 1,200 link.");
  });

  test("files dropped on the window appear in the import form", async () => {
    const host = await openWindow("#/overview", { project: "empty" });
    await byId("pipeline");
    host.drop([archive(host, "RC_2019-04.ndjson"), answers(host)]);
    const files = await byId("files");
    await waitFor(() => expect(files.querySelectorAll("li")).toHaveLength(2));
    expect(location.hash).toBe("#/data/import");
  });

  test("a dump needs no mapping", async () => {
    const host = await openWindow("#/data/import", { project: "empty" });
    await addFile(archive(host, "RC_2019-04.ndjson"));
    await screen.findByRole("region", { name: "Preview of RC_2019-04.ndjson" });
    expect(screen.queryByTestId("mapping")).toBeNull();
  });

  test("a Reddit archive requires permission records once per project", async () => {
    const host = await openWindow("#/data/import", { project: "empty" });
    await addFile(archive(host, "RC_2019-04.ndjson"));
    await byId("study-question");
    await waitForText("written approval");
    const start = async () => (await byId("import-start")) as HTMLButtonElement;
    await waitForText("Record your permissions, or that you have none");
    expect((await start()).disabled).toBe(true);
    // a grant requires date, scope and link
    await fireEvent.click(await byId("study-none"));
    await waitFor(async () => expect((await start()).disabled).toBe(false));
    await fireEvent.change(await byId("decision-training"), { target: { value: "granted" } });
    await waitFor(async () => expect((await start()).disabled).toBe(true));
    await fireEvent.click(await byId("study-none"));
    await waitFor(async () => expect((await start()).disabled).toBe(false));
    await fireEvent.click(await start());
    await byId("import-result");
    const params = last(callsTo(host, "job.start"))?.params as {
      study: { kind: string; decision: string }[];
    };
    expect(params.study.map((record) => [record.kind, record.decision])).toEqual([
      ["training", "none"],
      ["api_access", "none"],
      ["research_program", "none"],
      ["ethics_board", "none"],
    ]);
    // now on record
    await fireEvent.click(screen.getByRole("button", { name: /Import another/ }));
    await addFile(archive(host, "RC_2019-05.ndjson", 2000));
    await waitFor(async () => expect((await start()).disabled).toBe(false));
    expect(screen.queryByTestId("study-question")).toBeNull();
    go("#/overview");
    await waitForText("No permission to train on Reddit content on record");
  });

  test("a missing file shows an error and keeps the path", async () => {
    const host = await openWindow("#/data/import", { project: "empty" });
    const missing = `${host.folder}/missing.zst`;
    await addFile(missing);
    await waitForText(`${missing}: No such file`);
    expect(((await byId("import-path")) as HTMLInputElement).value).toBe(missing);
  });

  test("without a reply column the import cannot start", async () => {
    const host = await openWindow("#/data/import", { project: "empty" });
    await addFile(answers(host));
    await fireEvent.change(await screen.findByLabelText("Reply"), { target: { value: "" } });
    await waitForText("Select the column for Reply.");
    expect(((await byId("import-start")) as HTMLButtonElement).disabled).toBe(true);
  });

  test("a failed import shows where it stopped and what was kept", async () => {
    const id = newId();
    const host = await openWindow(`#/data/import?job=${id}`, { project: "empty" });
    const file = fixture("truncated.zst");
    const params = { files: [file], origin: "reddit", permission: "synthetic", study: NONE, who: "Ada" };
    await host.call("job.start", { id, kind: "import", params });
    await waitForText("Import failed");
    await waitForText("truncated.zst");
    await waitForText(/kept from it: [1-9][\d,]* comments/);
    await fireEvent.click(screen.getByRole("button", { name: "Import another file" }));
    await waitFor(() => expect(location.hash).toBe("#/data/import"));
  });
});

describe("pairs", () => {
  const rows = () => [...document.querySelectorAll("[data-testid=pairs] .window [role=row]")];
  const text = (row: Element | undefined) => row?.textContent?.replace(/\s+/g, " ").trim();
  const number = async (host: TestHost) => `${count((await host.ask("overview", {})).pairs)} pairs`;
  /** Makes the table longer: rows beyond those of the sample repeat the first one. */
  const long = async (): Promise<TestHost> => {
    let first: PairRow;
    const host = await openWindow("#/data/pairs", {
      changes: {
        "pairs.view": (view) => ({ ...view, total: 1_000_000 }),
        "pairs.rows": (rows, { from, count }) => {
          first ??= rows[0] as PairRow;
          const length = Math.min(count, 1_000_000 - from);
          return Array.from({ length }, (_, n) => ({ ...first, id: String(from + n) }));
        },
      },
    });
    return host;
  };

  test("of a million rows only visible ones are rendered and fetched", async () => {
    const host = await long();
    await waitForText("1,000,000 pairs");
    await waitFor(() => expect(text(rows()[0])).toContain("Sample"));
    expect(rows().length).toBeLessThan(40);
    expect(screen.getByRole("grid").getAttribute("aria-rowcount")).toBe("1000001");
    screen.getByRole("grid").focus();
    press("End");
    await waitFor(() => expect(last(rows())?.getAttribute("aria-rowindex")).toBe("1000001"));
    await waitFor(() =>
      expect([...new Set(callsTo(host, "pairs.rows").map((p) => p.from))]).toEqual([0, 999_800]),
    );
    expect(callsTo(host, "pairs.rows").every((p) => p.count === 200)).toBe(true);
  });

  test("the engine sorts, filters and searches", async () => {
    const host = await openWindow("#/data/pairs");
    await waitForText(await number(host));
    await fireEvent.click(screen.getByRole("button", { name: "Score" }));
    await waitFor(() =>
      expect(last(callsTo(host, "pairs.view"))).toMatchObject({ order: "score", descending: true }),
    );
    await waitFor(() =>
      expect(screen.getByRole("columnheader", { name: /Score/ }).getAttribute("aria-sort")).toBe(
        "descending",
      ),
    );
    await fireEvent.input(await byId("pairs-search"), { target: { value: "the" } });
    await fireEvent.change(await byId("pairs-partition"), { target: { value: "test" } });
    await waitFor(() =>
      expect(last(callsTo(host, "pairs.view"))).toMatchObject({
        words: "the",
        partition: "test",
        split: "main",
      }),
    );
    await waitForText(/\d+ matching pairs/);
    await fireEvent.input(await byId("pairs-search"), { target: { value: "no such words" } });
    await waitForText("No matching pairs");
    await fireEvent.click(screen.getAllByRole("button", { name: /Clear filters/ })[0] as HTMLElement);
    await waitForText(await number(host));
  });

  test("j and k move between pairs, and Escape closes", async () => {
    await openWindow("#/data/pairs");
    await waitFor(() => expect(text(rows()[0])).toContain("Sample"));
    press("j");
    press("j");
    const open = await byId("pair");
    await waitFor(() => expect(open.textContent).toContain("Reply score"));
    const chosen = () =>
      rows()
        .find((row) => row.getAttribute("aria-selected") === "true")
        ?.getAttribute("aria-rowindex");
    await waitFor(() => expect(chosen()).toBe("3"));
    press("k");
    await waitFor(() => expect(chosen()).toBe("2"));
    press("Escape");
    await waitFor(() => expect(screen.queryByTestId("pair")).toBeNull());
  });

  test("a view dropped by the engine is requested again at the same position", async () => {
    const host = await long();
    const [pair] = await pairRows(host);
    await waitFor(() => expect(text(rows()[0])).toContain("Sample"));
    screen.getByRole("grid").focus();
    const views = callsTo(host, "pairs.view").length;
    const answer = host.changes["pairs.rows"];
    host.changes["pairs.rows"] = () => {
      if (answer) host.changes["pairs.rows"] = answer;
      throw { code: "not-found", message: "this view is gone; ask for it again", detail: [] };
    };
    press("End");
    // the first page is shown until the end of the table is
    await waitFor(() => {
      expect(last(rows())?.getAttribute("aria-rowindex")).toBe("1000001");
      expect(text(last(rows()))).toContain(pair?.reply);
      expect(callsTo(host, "pairs.view")).toHaveLength(views + 1);
    });
    expect(screen.queryByTestId("error")).toBeNull();
  });

  test("a pair is excluded with a reason and included again by keyboard", async () => {
    const host = await openWindow("#/data/pairs");
    await waitFor(() => expect(text(rows()[0])).toContain("Sample"));
    press("x");
    press("j");
    await byId("pair");
    expect(screen.queryByTestId("exclude-reason"), "no pair was open").toBeNull();
    press("x");
    const [pair] = await pairRows(host);
    const reason = (await byId("exclude-reason")) as HTMLInputElement;
    expect(((await byId("exclude-start")) as HTMLButtonElement).disabled).toBe(true);
    await fireEvent.input(reason, { target: { value: "spam" } });
    await fireEvent.submit(reason.closest("form") as HTMLFormElement);
    await waitFor(() =>
      expect(callsTo(host, "pairs.exclude")).toEqual([{ pairs: [pair?.id], authors: [], reason: "spam" }]),
    );
    await waitForText("Excluded from splits: spam");
    await waitFor(() => expect(text(rows()[0])).toContain("excluded"));
    await fireEvent.change(await byId("pairs-excluded"), { target: { value: "yes" } });
    await waitForText(/\b1 matching pair\b/);
    await waitFor(() => expect(last(callsTo(host, "pairs.view"))).toMatchObject({ excluded: true }));
    await fireEvent.change(await byId("pairs-excluded"), { target: { value: "" } });
    await waitForText(await number(host));
    press("j");
    await waitForText("Include pair again");
    press("x");
    await waitFor(() => expect(callsTo(host, "pairs.include")).toEqual([{ pairs: [pair?.id], authors: [] }]));
    await waitFor(() => expect(screen.queryByTestId("excluded")).toBeNull());
    await waitFor(() => expect(text(rows()[0])).not.toContain("excluded"));
  });

  test("all pairs of an author are excluded and included again", async () => {
    const host = await openWindow("#/data/pairs");
    await waitFor(() => expect(text(rows()[0])).toContain("Sample"));
    press("j");
    const author = (await pairRows(host))[0]?.author;
    await fireEvent.click(await byId("exclude"));
    await fireEvent.change(await byId("exclude-what"), { target: { value: "author" } });
    await fireEvent.input(await byId("exclude-reason"), { target: { value: "a bot" } });
    await fireEvent.click(await byId("exclude-start"));
    await waitFor(() =>
      expect(callsTo(host, "pairs.exclude")).toEqual([{ pairs: [], authors: [author], reason: "a bot" }]),
    );
    await waitForText(`Excluded with all pairs of u/${author}: a bot`);
    await fireEvent.click(await byId("exclude"));
    await waitFor(() => expect(callsTo(host, "pairs.include")).toEqual([{ pairs: [], authors: [author] }]));
    await waitFor(() => expect(screen.queryByTestId("excluded-author")).toBeNull());
  });

  test("a pair's comment goes to Generate", async () => {
    await openWindow("#/data/pairs");
    await waitFor(() => expect(text(rows()[0])).toContain("Sample"));
    press("j");
    await fireEvent.click(await screen.findByRole("link", { name: "Generate replies" }));
    window.dispatchEvent(new Event("hashchange"));
    const field = (await byId("comment")) as HTMLTextAreaElement;
    await expect.poll(() => field.value).not.toBe("");
  });

  test("pairs are built by a recipe, and filtered ones are counted", async () => {
    const host = await openWindow("#/data/pairs?build=1");
    await fireEvent.click(await screen.findByLabelText("Drop bots"));
    await fireEvent.click(await byId("build-start"));
    await byId("pairs-built");
    expect(last(callsTo(host, "job.start"))).toMatchObject({
      kind: "pairs",
      params: { recipe: { drop_bots: false, min_chars: 1 } },
    });
    const [job] = (await host.ask("jobs", {})).filter((one) => one.kind === "pairs");
    const built = job?.outcome as Jobs["pairs"]["outcome"];
    expect(built.dropped.length).toBeGreaterThan(0);
    for (const [rule] of built.dropped) await waitForText(rule.replaceAll("_", " "));
  });
});

test("bins are counted while edges are edited", async () => {
  const host = await openWindow("#/data/labels");
  const { edges } = await host.ask("labels", { edges: null });
  const [one, two, three] = edges as [number, number, number];
  const first = (await byId("edge-0")) as HTMLInputElement;
  await expect.poll(() => first.value).toBe(String(one));
  await fireEvent.input(first, { target: { value: String(one - 1) } });
  await waitFor(() => expect(last(callsTo(host, "labels"))).toEqual({ edges: [one - 1, two, three] }));
  await fireEvent.input(first, { target: { value: String(two + 1) } });
  await waitForText("Must be above the first.");
});

test("a split is created and audited", async () => {
  const host = await openWindow("#/data/splits?new=1&edges=2,5,9");
  const name = (await byId("split-name")) as HTMLInputElement;
  await expect.poll(() => name.value).toBe("main-2");
  await fireEvent.input(screen.getByLabelText("Training"), { target: { value: "70" } });
  await waitForText("Ratios must add up to 100% (now 90%)");
  await fireEvent.input(screen.getByLabelText("Test"), { target: { value: "20" } });
  await fireEvent.click(await byId("split-start"));
  const split = within(await byId("split-main-2"));
  expect(last(callsTo(host, "job.start"))).toMatchObject({
    kind: "split",
    params: { name: "main-2", edges: [2, 5, 9], shares: { train: 0.7, val: 0.1, test: 0.2 } },
  });
  await waitForText("Not checked for leakage yet");
  await fireEvent.click(split.getByRole("button", { name: "Audit" }));
  // while it runs, its progress is shown instead
  await split.findByTestId("audit");
  expect(document.body.textContent).not.toContain("Not checked for leakage yet");
});

test("a split shows warnings, omitted pairs and what its audit covered", async () => {
  await openWindow("#/data/splits", {
    changes: {
      splits: (splits) =>
        splits.map((split) => ({
          ...split,
          warnings: [
            "the validation set has no pairs of upvote bin 2 (score 6 to 10); metrics of that bin are undefined there",
          ],
          config: {
            ...split.config,
            left_out: [{ rule: "duplicate_text", pairs: [0, 14, 1] }],
            excluded: 3,
          },
          audit: split.audit && { ...split.audit, deleted_texts: 2 },
        })),
    },
  });
  await waitForText("the validation set has no pairs of upvote bin 2 (score 6 to 10)");
  await waitForText(/rule duplicate_text.* 14 pairs of the validation set, 1 pair of the test set/);
  await waitForText(/3 pairs excluded manually/);
  await waitForText(/no threads, pairs, texts or near-duplicates.*exempt: 2 deleted texts/);
});

test("a permission is stored with the source", async () => {
  const host = await openWindow("#/data/sources");
  await fireEvent.click(await screen.findByRole("button", { name: /Set permission/ }));
  await fireEvent.change(await byId("permission"), { target: { value: "research" } });
  const form = (await byId("permission")).closest("form") as HTMLFormElement;
  await fireEvent.submit(form);
  await waitFor(() =>
    expect(callsTo(host, "source.permit")).toEqual([{ source: 2, permission: "research", note: "" }]),
  );
  await waitFor(() => expect(document.body.textContent).not.toContain("Not specified"));
});
