// Parses the filter form of an import.

import type { Filter } from "../../host";

export interface FilterText {
  subreddits: string;
  authors: string;
  not_authors: string;
  min_score: string;
  max_score: string;
  min_chars: string;
  max_chars: string;
  after: string;
  before: string;
  placeholders: boolean;
}

export const EMPTY_FILTER: FilterText = {
  subreddits: "",
  authors: "",
  not_authors: "",
  min_score: "",
  max_score: "",
  min_chars: "",
  max_chars: "",
  after: "",
  before: "",
  placeholders: false,
};

/** Names separated by commas or spaces, without `r/` and `u/`. */
export function names(text: string): string[] {
  return text
    .split(/[\s,]+/)
    .map((name) => name.replace(/^\/?[ru]\//i, ""))
    .filter(Boolean);
}

/** An integer, `null` for an empty field, `undefined` if invalid. */
export function whole(text: string): number | null | undefined {
  const trimmed = String(text).trim();
  if (trimmed === "") return null;
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : undefined;
}

/** The start of a day in UTC seconds, `null` for an empty field, `undefined` if invalid. */
function seconds(day: string): number | null | undefined {
  const trimmed = day.trim();
  if (trimmed === "") return null;
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(trimmed) ? Date.parse(`${trimmed}T00:00:00Z`) : Number.NaN;
  return Number.isFinite(ms) ? ms / 1000 : undefined;
}

export function filterOf(text: FilterText): { filter: Filter | null; error: string | null } {
  const numbers = {
    min_score: whole(text.min_score),
    max_score: whole(text.max_score),
    min_chars: whole(text.min_chars),
    max_chars: whole(text.max_chars),
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value === undefined)
      return { filter: null, error: `${name.replace("_", " ")} must be a whole number.` };
  }
  const { min_score, max_score, min_chars, max_chars } = numbers as Record<
    keyof typeof numbers,
    number | null
  >;
  if (min_score !== null && max_score !== null && min_score > max_score) {
    return { filter: null, error: "Min score is above max score." };
  }
  if (min_chars !== null && max_chars !== null && min_chars > max_chars) {
    return { filter: null, error: "Min length is above max length." };
  }
  const [after_utc, before_utc] = [seconds(text.after), seconds(text.before)];
  if (after_utc === undefined || before_utc === undefined) {
    return { filter: null, error: "Enter dates as YYYY-MM-DD, for example 2019-04-01." };
  }
  return {
    filter: {
      subreddits: names(text.subreddits),
      authors: names(text.authors),
      not_authors: names(text.not_authors),
      min_score,
      max_score,
      min_chars,
      max_chars,
      after_utc,
      before_utc,
      placeholders: text.placeholders,
    },
    error: null,
  };
}
