import { expect, test } from "vitest";
import { decodingSettings, SAMPLING, SAMPLING_FIELDS } from "./decoding";

test("decoding settings that are off are not listed", () => {
  expect(decodingSettings(SAMPLING)).toBe("temperature 1, top-k 40, top-p 1");
  const all = { ...SAMPLING, min_p: 0.05, repetition_penalty: 1.2, no_repeat_ngram: 3 };
  expect(decodingSettings(all)).toBe(
    "temperature 1, top-k 40, top-p 1, min-p 0.05, repetition penalty 1.2, no-repeat n-gram 3",
  );
});

test("every decoding setting has a field", () => {
  expect(SAMPLING_FIELDS.map((field) => field.key).sort()).toEqual(Object.keys(SAMPLING).sort());
});
