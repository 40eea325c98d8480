import { expect, test } from "vitest";
import { newest } from "./newest";

const made = (name: string, created_ms: number) => ({ name, created_ms });

test("newest works in any order and breaks ties by position", () => {
  const [a, b, c] = [made("a", 1), made("b", 3), made("c", 3)] as const;
  expect(newest([a, b])).toBe(b);
  expect(newest([b, a])).toBe(b);
  expect(newest([a, b, c])).toBe(c);
  expect(newest([])).toBeUndefined();
});
