import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, expect, test } from "vitest";
import { go } from "../../state/route.svelte";
import { byId, callsTo, openWindow, press, waitForText } from "../../testing";
import Candidate from "./Candidate.svelte";
import { clearForm } from "./form.svelte";

const last = <T>(list: T[]) => list.at(-1);
beforeEach(clearForm);

/** Clicks it once it can be: the models are read first. */
async function write() {
  const button = (await byId("write")) as HTMLButtonElement;
  await waitFor(() => expect(button.disabled).toBe(false));
  await fireEvent.click(button);
}

test("candidates grow word by word, their scores come, and why each is picked", async () => {
  const host = await openWindow("#/generate", { speed: 8 });
  await fireEvent.input(await byId("comment"), {
    target: { value: "My curry always tastes flat. Any ideas?" },
  });
  await fireEvent.input(await byId("min-p-real"), { target: { value: "0.5" } });
  await write();
  const live = await byId("live");
  await waitFor(() => expect(live.textContent).toContain("My curry always tastes flat"));
  await waitFor(() => expect(live.querySelectorAll("[data-testid=candidate]")).toHaveLength(10));
  expect(last(callsTo(host, "job.start"))).toMatchObject({
    kind: "generate",
    params: {
      comments: [{ comment: "My curry always tastes flat. Any ideas?" }],
      generator: "writer",
      realism: "judge",
      upvotes: "votes",
      queue: false,
    },
  });
  await byId("written");
  expect(location.hash).toBe("#/generate/2");
  await waitForText("Picked:");
  await waitForText(/not above 0\.5/);
});

test("unseen comments are shown as they are told", async () => {
  await openWindow("#/generate", { speed: 4 });
  await fireEvent.input(await byId("unseen"), { target: { value: "2" } });
  await write();
  const live = await byId("live");
  await waitFor(() => expect(live.querySelectorAll(".comment")).toHaveLength(2));
  expect(live.textContent).not.toContain("Unseen comment");
});

test("Ctrl+Enter starts it from within the field", async () => {
  const host = await openWindow("#/generate");
  const field = await byId("comment");
  await fireEvent.input(field, { target: { value: "Is that normal?" } });
  await waitFor(() =>
    expect((document.querySelector("[data-testid=write]") as HTMLButtonElement).disabled).toBe(false),
  );
  field.focus();
  press("Enter", { ctrlKey: true });
  await waitFor(() => expect(last(callsTo(host, "job.start"))).toMatchObject({ kind: "generate" }));
  await waitFor(() => expect(location.hash).toContain("job="));
});

test("other criteria pick at once, and nothing is stored", async () => {
  const host = await openWindow("#/generate/1");
  const written = await byId("written");
  await waitForText("5 picks of 40 candidates");
  const number = written.querySelector("[data-testid=per-thread]") as HTMLInputElement;
  await fireEvent.input(number, { target: { value: "3" } });
  await waitFor(() =>
    expect(last(callsTo(host, "generation.pick"))).toMatchObject({ id: 1, criteria: { per_thread: 3 } }),
  );
  await waitFor(() =>
    expect((document.querySelector("[data-testid=picks]") as HTMLElement).textContent).toMatch(/1\d picks/),
  );
});

test("picks go to the queue, and are known to be there", async () => {
  const host = await openWindow("#/generate/1");
  await fireEvent.click(await byId("send-picks"));
  await waitFor(() => expect(callsTo(host, "candidate.queue")).toHaveLength(5));
  await waitForText("All picks are in the queue");
  expect(callsTo(host, "candidate.queue")[0]).toMatchObject({ who: "Ada" });
  expect(screen.getAllByText("in the queue")).toHaveLength(5);
});

test("a candidate that a person picks is said to be picked by hand", async () => {
  const host = await openWindow("#/generate/1");
  await byId("written");
  const others = await screen.findAllByTestId("candidate");
  const send = others.flatMap((one) =>
    one.dataset.picked === "false" ? [...one.querySelectorAll<HTMLElement>("button.send")] : [],
  );
  await fireEvent.click(send[0] as HTMLElement);
  await waitFor(() => expect(callsTo(host, "candidate.queue")).toHaveLength(1));
  const byHand = () => host.engine.replies.find((story) => story.reply.by_hand);
  await waitFor(() => expect(byHand()).toBeDefined());
  go(`#/queue/${byHand()?.reply.id}`);
  const why = await byId("picked-why");
  expect(why.textContent).toMatch(/^\s*Picked\s+by hand, by Ada; the criteria did not pick it: /);
});

test("p(real) is a criterion only where a realism model scores", async () => {
  const host = await openWindow("#/generate");
  await fireEvent.input(await byId("comment"), { target: { value: "Which pot?" } });
  const button = (await byId("write")) as HTMLButtonElement;
  await waitFor(() => expect(button.disabled).toBe(false));
  await fireEvent.change(screen.getByLabelText("Realism"), { target: { value: "" } });
  await write();
  await waitFor(() =>
    expect(last(callsTo(host, "job.start"))).toMatchObject({
      params: { realism: null, criteria: { min_p_real: null } },
    }),
  );
});

test("leaving the screen loses nothing that was typed", async () => {
  await openWindow("#/generate");
  await fireEvent.input(await byId("comment"), { target: { value: "half a thought" } });
  await openWindow("#/queue");
  await byId("board");
  await openWindow("#/generate");
  expect(((await byId("comment")) as HTMLTextAreaElement).value).toBe("half a thought");
});

test("a candidate without words cannot be sent to the queue", async () => {
  const of = (text: string) => ({
    text,
    finish: "end",
    p_real: 0.5,
    bins: null,
    mark: 0.5,
    scoresReal: true,
    scoresUpvotes: false,
    onsend: () => {},
  });
  const { rerender } = render(Candidate, of("so it is"));
  expect(screen.queryByText("Send to the queue")).not.toBeNull();
  await rerender(of(""));
  expect(screen.queryByText("Send to the queue")).toBeNull();
  await waitForText("No text.");
});
