import { expect, test } from "vitest";
import {
  ago,
  bytes,
  count,
  counted,
  duration,
  figure,
  fileName,
  folderOf,
  jobTitle,
  label,
  percent,
  short,
  since,
} from "./format";

/** Replaces non-breaking spaces. */
const plain = (text: string) => text.replaceAll("\u00a0", " ");

test("numbers", () => {
  expect(count(1_234_567)).toBe("1,234,567");
  expect(count(-4)).toBe("−4");
  expect(count(null)).toBe("–");
  expect(counted(1, "pair")).toBe("1 pair");
  expect(counted(2, "reply", "replies")).toBe("2 replies");
  expect(plain(short(124_439_808))).toBe("124 M");
  expect(plain(short(1_027_712))).toBe("1.03 M");
  expect(short(477)).toBe("477");
  expect(figure(null)).toBe("–");
  expect(figure(Number.NaN)).toBe("–");
  expect(plain(percent(0.7396))).toBe("74.0%");
  expect(plain(bytes(28_606_464))).toBe("28.6 MB");
  expect(plain(bytes(999))).toBe("999 B");
});

test("times", () => {
  expect(plain(duration(4.2))).toBe("4 s");
  expect(plain(duration(200))).toBe("3 min 20 s");
  expect(plain(duration(7500))).toBe("2 h 5 min");
  const now = 1_000_000_000_000;
  expect(ago(now - 10_000, now)).toBe("just now");
  expect(ago(now - 300_000, now)).toBe("5 min ago");
  expect(ago(now - 86_400_000, now)).toBe("1 day ago");
  const noon = new Date(2026, 0, 5, 12, 4).getTime();
  expect(since(noon, noon + 3_600_000)).toBe("12:04");
  expect(since(noon, noon + 86_400_000)).toBe("Jan 5, 2026, 12:04");
});

test("names", () => {
  expect(fileName("C:\\data\\a.csv")).toBe("a.csv");
  expect(folderOf("/home/ada/p.repartee")).toBe("/home/ada");
  expect(label("learning_rate")).toBe("Learning rate");
});

test("job titles", () => {
  expect(jobTitle({ kind: "import", params: { files: ["/data/RC_2019-04.zst"] } })).toBe(
    "Import RC_2019-04.zst",
  );
  expect(jobTitle({ kind: "import", params: { files: ["a", "b"] } })).toBe("Import 2 files");
  expect(jobTitle({ kind: "train", params: { config: { kind: "realism", name: "judge" } } })).toBe(
    "Train judge",
  );
  expect(jobTitle({ kind: "train", params: { config: { kind: "realism", name: "" } } })).toBe(
    "Train realism",
  );
  const fakes = (name: string) => jobTitle({ kind: "fakes", params: { name } });
  expect(["fakes", "fakes-2", "hard", ""].map(fakes)).toEqual([
    "Generate fakes",
    "Generate fakes-2",
    "Generate fakes hard",
    "Generate fakes",
  ]);
  expect(jobTitle({ kind: "sync", params: { imported: false } })).toBe("Sync deletions");
  expect(jobTitle({ kind: "sync", params: { imported: true } })).toBe(
    "Sync deletions, including imported texts",
  );
  expect(jobTitle({ kind: "something-new", params: null })).toBe("Something new");
});
