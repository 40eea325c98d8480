import { expect, test } from "vitest";
import { PAGE, Pages } from "./pages.svelte";

/** A source whose requests the test answers. */
function source() {
  const waiting: { from: number; give: (rows: number[]) => void; refuse: (error: unknown) => void }[] = [];
  const pages = new Pages<number>(
    (from) => new Promise((give, refuse) => waiting.push({ from, give, refuse })),
  );
  const answer = async (at: number) => {
    const { from, give } = waiting[at] as (typeof waiting)[number];
    give(Array.from({ length: PAGE }, (_, i) => from + i));
    await new Promise((done) => setTimeout(done, 0));
  };
  return { pages, waiting, answer };
}

test("a visible page is requested once", async () => {
  const { pages, waiting, answer } = source();
  pages.want(0, 20);
  pages.want(1, 21);
  expect(waiting.map((w) => w.from)).toEqual([0]);
  expect(pages.row(5)).toBeUndefined();
  await answer(0);
  expect(pages.row(5)).toBe(5);
  pages.want(0, 20);
  expect(waiting).toHaveLength(1);
});

test("rows across a page boundary load both pages", async () => {
  const { pages, waiting } = source();
  pages.want(190, 215);
  expect(waiting.map((w) => w.from)).toEqual([0, PAGE]);
});

test("only the page where scrolling stops is requested", async () => {
  const { pages, waiting, answer } = source();
  pages.want(0, 20);
  pages.want(PAGE, PAGE + 20);
  for (let row = 2 * PAGE; row < 900 * PAGE; row += PAGE) pages.want(row, row + 20);
  expect(waiting).toHaveLength(2);
  await answer(0);
  expect(waiting.map((w) => w.from)).toEqual([0, PAGE, 899 * PAGE]);
});

test("an error stops requests until a retry", async () => {
  const { pages, waiting } = source();
  pages.want(0, 20);
  waiting[0]?.refuse({ code: "busy", message: "another process writes" });
  await new Promise((done) => setTimeout(done, 0));
  expect(pages.error?.code).toBe("busy");
  pages.want(0, 21);
  expect(waiting).toHaveLength(1);
  pages.again();
  expect(waiting).toHaveLength(2);
});
