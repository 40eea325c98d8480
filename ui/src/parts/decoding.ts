// Decoding settings of fakes and candidates.

import type { SamplingParams } from "../host";

/** The defaults of OpenAI's GPT-2 samples: top-k 40 at temperature 1. */
export const SAMPLING: SamplingParams = {
  max_new_tokens: 64,
  temperature: 1,
  top_k: 40,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  no_repeat_ngram: 0,
  seed: 1,
};

/** "temperature 1, top-k 40, top-p 1", then what else is on. */
export function decodingSettings(s: SamplingParams): string {
  const parts = [`temperature ${s.temperature}`, `top-k ${s.top_k}`, `top-p ${s.top_p}`];
  if (s.min_p > 0) parts.push(`min-p ${s.min_p}`);
  if (s.repetition_penalty !== 1) parts.push(`repetition penalty ${s.repetition_penalty}`);
  if (s.no_repeat_ngram > 0) parts.push(`no-repeat n-gram ${s.no_repeat_ngram}`);
  return parts.join(", ");
}

export const SAMPLING_FIELDS: {
  key: keyof SamplingParams;
  label: string;
  help: string;
  step: number;
  least: number;
}[] = [
  {
    key: "temperature",
    label: "Temperature",
    help: "Lower is more deterministic; 0 = greedy.",
    step: 0.05,
    least: 0,
  },
  {
    key: "top_k",
    label: "Top-k",
    help: "Sample from the k most likely tokens (0 = off).",
    step: 1,
    least: 0,
  },
  {
    key: "top_p",
    label: "Top-p",
    help: "Nucleus sampling (1 = off).",
    step: 0.01,
    least: 0,
  },
  {
    key: "min_p",
    label: "Min-p",
    help: "Skip tokens less likely than this share of the top token's probability (0 = off).",
    step: 0.01,
    least: 0,
  },
  {
    key: "repetition_penalty",
    label: "Repetition penalty",
    help: "Penalizes repeated tokens (1 = off).",
    step: 0.05,
    least: 0,
  },
  {
    key: "no_repeat_ngram",
    label: "No-repeat n-gram",
    help: "Never repeat a sequence of n tokens (0 = off).",
    step: 1,
    least: 0,
  },
  {
    key: "max_new_tokens",
    label: "Max new tokens",
    help: "Longer replies are truncated.",
    step: 1,
    least: 1,
  },
  { key: "seed", label: "Seed", help: "Fixed seed gives the same output.", step: 1, least: 0 },
];
