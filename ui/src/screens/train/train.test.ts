import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { Field } from "../../host";
import { newId } from "../../state/id";
import { testHost } from "../../test-host";
import { byId, callsTo, openWindow, pairRows, textOf, training, waitForText } from "../../testing";
import { groups, parse, shown } from "./groups";
import Samples from "./Samples.svelte";

const last = <T>(list: T[]) => list.at(-1);
const value = async (id: string) => ((await byId(id)) as HTMLInputElement).value;

describe("run form", () => {
  test("shows every setting of the model type once, essentials first", async () => {
    const fields = await (await testHost()).ask("run.fields", {});
    for (const kind of ["generator", "realism", "upvotes"] as const) {
      const made = groups(fields, kind);
      expect(made[0]).toMatchObject({ name: "Essentials", folded: false });
      const names = made.flatMap((group) => group.fields.map((field) => field.name));
      const wanted = fields
        .filter((field) => field.kinds.includes(kind) && field.name !== "kind")
        .map((field) => field.name);
      expect([...names].sort()).toEqual([...wanted].sort());
    }
  });

  test("shows a new setting and a new group as the engine declares them", async () => {
    const fields = await (await testHost()).ask("run.fields", {});
    const novel: Field = {
      name: "momentum",
      label: "Momentum",
      help: "New.",
      type: "number",
      choices: [],
      least: null,
      most: null,
      kinds: ["generator"],
      group: "More",
      essential: false,
    };
    expect(last(groups([...fields, novel], "generator"))).toMatchObject({
      name: "More",
      folded: true,
      fields: [{ name: "momentum" }],
    });
  });

  test("says which values a field accepts", () => {
    const field = (type: Field["type"], least: number | null, most: number | null) =>
      ({ type, least, most }) as Field;
    expect(parse(field("integer", 1, null), "0").error).toBe("Must be a whole number, at least 1.");
    expect(parse(field("integer", 1, null), "2.5").error).toBe("Must be a whole number, at least 1.");
    expect(parse(field("number", 0, 1), "2").error).toBe("Must be a number from 0 to 1.");
    expect(parse(field("number", null, null), "5e-5")).toEqual({ value: 0.00005, error: null });
    expect(parse(field("number", null, null), "").error).toContain("Must be a number");
    expect(shown(0.00005)).toBe("5e-5");
  });

  test("shows an estimate and starts a run with the entered values", async () => {
    const host = await openWindow("#/train/new");
    await waitForText(/about [\d.]+ (s|min|h)/);
    // once the names that are taken are known
    await waitFor(async () => expect(await value("field-name")).toBe("writer-2"));
    await fireEvent.input(await byId("field-steps"), { target: { value: "40" } });
    await fireEvent.input(await byId("field-learning_rate"), { target: { value: "1e-3" } });
    await waitFor(() =>
      expect(last(callsTo(host, "run.estimate"))).toMatchObject({
        config: { steps: 40, learning_rate: 0.001 },
      }),
    );
    await fireEvent.click(await byId("train-start"));
    await byId("run");
    expect(location.hash).toBe("#/train/run/writer-2");
    expect(last(callsTo(host, "job.start"))).toMatchObject({
      kind: "train",
      params: { config: { kind: "generator", name: "writer-2", base: "small-gpt2", steps: 40 } },
    });
  });

  test("invalid input is marked at its field, kept, and blocks the start", async () => {
    await openWindow("#/train/new");
    await waitForText(/about [\d.]+ (s|min|h)/);
    await fireEvent.input(await byId("field-batch_size"), { target: { value: "eight" } });
    await waitForText("Must be a whole number from 1 to 4096.");
    expect(await value("field-batch_size")).toBe("eight");
    expect(((await byId("train-start")) as HTMLButtonElement).disabled).toBe(true);
    await fireEvent.input(await byId("field-name"), { target: { value: "judge" } });
    await waitForText("A run with this name already exists.");
  });

  test("changed values survive a new model type, and a preset overwrites them", async () => {
    await openWindow("#/train/new");
    await waitForText(/about [\d.]+ (s|min|h)/);
    await fireEvent.input(await byId("field-epochs"), { target: { value: "7" } });
    await fireEvent.click(screen.getByRole("radio", { name: "Realism" }));
    await byId("field-fakes");
    expect(screen.queryByTestId("field-samples")).toBeNull();
    expect(await value("field-epochs")).toBe("7");
    await waitFor(async () => expect(await value("field-base")).toBe("small-bert"));
    // the presets of the previous type cannot be chosen
    const preset = () => screen.getByRole("button", { name: /From scratch/ }) as HTMLButtonElement;
    await waitFor(() => expect(preset().disabled).toBe(false));
    await fireEvent.click(preset());
    await waitFor(async () => expect(await value("field-learning_rate")).toBe("0.001"));
    expect(await value("field-epochs")).toBe("10");
  });

  test("duplicating a run copies its settings under another name", async () => {
    await openWindow("#/train/new?like=judge");
    await waitFor(async () => {
      expect(await value("field-steps")).toBe("60");
      expect(await value("field-name")).toBe("judge-2");
    });
    expect((screen.getByRole("radio", { name: "Realism" }) as HTMLInputElement).checked).toBe(true);
  });

  test("missing prerequisites are listed with links", async () => {
    await openWindow("#/train/new?kind=realism", { project: "empty" });
    await waitForText("No BERT base model yet.");
    await waitForText("No generated replies to train against.");
    expect(screen.getByRole("link", { name: "Add base model" }).getAttribute("href")).toBe("#/models?new=1");
  });
});

/** Opens the form of a training that runs until it is stopped. */
async function openLong() {
  const host = await openWindow("#/train/new");
  await waitForText(/about [\d.]+ (s|min|h)/);
  await fireEvent.input(await byId("field-steps"), { target: { value: "1000000" } });
  await fireEvent.input(await byId("field-batch_size"), { target: { value: "2" } });
  await fireEvent.input(await byId("field-max_tokens"), { target: { value: "32" } });
  await waitFor(() =>
    expect(last(callsTo(host, "run.estimate"))).toMatchObject({ config: { max_tokens: 32 } }),
  );
  await fireEvent.click(await byId("train-start"));
  return host;
}

test("a run can be watched, paused, resumed and stopped", async () => {
  await openLong();
  const run = await byId("run");
  await waitForText("tokens/s");
  await fireEvent.click(await byId("run-pause"));
  await waitFor(() => expect(run.dataset.state).toBe("paused"));
  await fireEvent.click(await byId("run-resume"));
  await waitFor(() => expect(run.dataset.state).toBe("running"));
  await waitForText(/Step [1-9][\d,]* of 1,000,000/);
  await fireEvent.click(await byId("run-stop"));
  await waitFor(() => expect(run.dataset.state).toBe("stopped"));
  await waitForText(/stopped at step [\d,]+ of/);
  // a stopped run is usable
  expect(await screen.findByRole("link", { name: "Evaluate…" })).toBeTruthy();
});

test("discarding a run needs confirmation and makes it unusable", async () => {
  const host = await openLong();
  const run = await byId("run");
  await waitForText(/Step [1-9][\d,]* of 1,000,000/);
  await fireEvent.click(await byId("run-discard"));
  await waitForText("This can't be undone");
  expect(callsTo(host, "job.discard")).toEqual([]);
  await fireEvent.click(await byId("run-discard-yes"));
  await waitFor(() => expect(run.dataset.state).toBe("cancelled"));
  // its checkpoints are deleted in another transaction
  const isUsable = async () => (await host.ask("runs", {})).find((one) => one.name === "writer-2")?.usable;
  await waitFor(async () => expect(await isUsable()).toBe(false));
  await waitFor(() => expect(screen.queryByRole("link", { name: "Evaluate…" })).toBeNull());
});

test("a run trained on deleted content is marked and can be retrained without it", async () => {
  const host = await openWindow("#/train");
  await byId("runs");
  expect(screen.queryByTestId("deleted-content")).toBeNull();
  // another process purges a comment of the training set
  const [pair] = await pairRows(host, { split: "main", partition: "train" });
  const name = `t1_${BigInt(pair?.id ?? "").toString(36)}`;
  await host.other("forget.names", { names: [name], who: "cli" });
  await waitForText("Trained on deleted content");
  await fireEvent.click(screen.getByRole("link", { name: "writer" }));
  await waitForText("run writer as writer-again");
  await fireEvent.click(await byId("retrain"));
  await waitFor(
    async () => {
      const job = (await host.ask("jobs", {})).find((one) => one.kind === "train-again");
      expect(job).toMatchObject({ state: "done", params: { run: "writer" } });
      const runs = await host.ask("runs", {});
      expect(runs.some((run) => run.name === "writer-again" && !run.deleted_content && run.usable)).toBe(
        true,
      );
    },
    { timeout: 250_000 },
  );
});

test("a run is measured at each precision, and the table says what auto takes", async () => {
  const host = await openWindow("#/train/run/writer");
  await waitForText("Not measured yet, so auto takes f32.");
  await fireEvent.click(await byId("quality-measure"));
  await waitFor(() =>
    expect(last(callsTo(host, "job.start"))).toMatchObject({ kind: "quality", params: { runs: ["writer"] } }),
  );
  await screen.findByTestId("quality-int8", {}, { timeout: 250_000 });
  const measured = await host.ask("run.quality", { name: "writer" });
  expect(measured?.precisions.map((one) => one.precision)).toEqual(["f32", "bf16", "int8"]);
  for (const one of measured?.precisions ?? []) {
    const row = textOf(await byId(`quality-${one.precision}`));
    expect(row).toContain(one.figure?.toFixed(2) ?? "–");
    expect(row.endsWith("chosen")).toBe(one.precision === measured?.auto.precision);
  }
  await waitForText(`Auto takes ${measured?.auto.precision}: ${measured?.auto.reason}.`);
  await waitForText(`${measured?.examples} examples of the validation set`);
});

test("the report of a run is written to a file", async () => {
  const host = await openWindow("#/train/run/judge");
  await fireEvent.click(await screen.findByRole("button", { name: "Report on judge" }));
  const path = (await byId("export-path")) as HTMLInputElement;
  expect(path.value).toMatch(/judge-report\.html$/);
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() =>
    expect(last(callsTo(host, "export.report"))).toMatchObject({ run: "judge", examples: 0 }),
  );
  await waitForText("Saved to ");
});

test("two selected runs are compared", async () => {
  const host = await openWindow("#/train");
  const compare = (await byId("compare-runs")) as HTMLButtonElement;
  expect(compare.disabled).toBe(true);
  await fireEvent.click(screen.getByLabelText("Compare writer"));
  await fireEvent.click(screen.getByLabelText("Compare judge"));
  await fireEvent.click(compare);
  await byId("differences");
  await waitForText("Different model types");
  await waitFor(() =>
    expect(last(callsTo(host, "chart"))).toEqual({ kind: "loss", of: ["writer", "judge"], threshold: null }),
  );
  await waitForText("Kind");
});

test("a run that is still being prepared is not an error", async () => {
  const host = await openWindow("#/train/run/late", {
    failing: { "run.get": { code: "not-found", message: "there is no run late" } },
  });
  await waitForText("there is no run late");
  await host.call("job.start", { id: newId(), kind: "train", params: await training(host, "late") });
  await waitForText("Preparing: ");
  expect(screen.queryByTestId("error")).toBeNull();
  host.failing = {};
  await byId("run");
});

test("a comment can be sampled twice at one step", () => {
  render(Samples, {
    samples: [
      [30, "Any ideas?", "a"],
      [30, "Any ideas?", "b"],
      [60, "Any ideas?", "c"],
    ],
    running: true,
  });
  const replies = [...screen.getByTestId("samples").querySelectorAll("ol li")].map((li) =>
    li.textContent?.replace(/\s+/g, " ").trim(),
  );
  expect(replies).toEqual(["step 60 c", "step 30 a", "step 30 b"]);
});
