// How tokens are drawn, in words. Fakes and candidates share it.

import type { Decode } from "../host";

/** What the original ran with: top-k 40 at temperature 1. */
export const DECODE: Decode = {
  max_new_tokens: 64,
  temperature: 1,
  top_k: 40,
  top_p: 1,
  repetition_penalty: 1,
  seed: 1,
};

export const DECODE_FIELDS: {
  key: keyof Decode;
  label: string;
  help: string;
  step: number;
  least: number;
}[] = [
  {
    key: "temperature",
    label: "Temperature",
    help: "Below 1 is safer, above 1 wilder; 0 always takes the likeliest token.",
    step: 0.05,
    least: 0,
  },
  {
    key: "top_k",
    label: "Top-k",
    help: "Only the k likeliest tokens are drawn from; 0: all.",
    step: 1,
    least: 0,
  },
  {
    key: "top_p",
    label: "Top-p",
    help: "Only the likeliest tokens that together have this probability; 1: all.",
    step: 0.01,
    least: 0,
  },
  {
    key: "repetition_penalty",
    label: "Repetition penalty",
    help: "Above 1: what was said already is less likely; 1: off.",
    step: 0.05,
    least: 0,
  },
  {
    key: "max_new_tokens",
    label: "Longest reply",
    help: "In tokens; a reply that reaches it is cut.",
    step: 1,
    least: 1,
  },
  { key: "seed", label: "Seed", help: "The same seed draws the same replies.", step: 1, least: 0 },
];
