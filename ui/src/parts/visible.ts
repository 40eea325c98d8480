// Texts that somebody else wrote, shown so that nothing in them hides or reorders the rest: what a person approves
// is what they saw. The command line does the same (crates/cli/src/terminal.rs).

/** Control characters, line and paragraph separators, and what Unicode calls default-ignorable (bidi controls are). */
const ACTS = /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;

const acts = (c: string) => c !== "\n" && c !== "\t" && ACTS.test(c);

/** Whether a character is seen, and more than ASCII: what a joiner may stand between. */
const shows = (c: string | undefined) => c !== undefined && c > "\u007f" && !acts(c) && c.trim() !== "";

/** Whether a joiner or variation selector does what it is for: emoji, and scripts that join. */
function joins(before: string | undefined, c: string, after: string | undefined): boolean {
  switch (c) {
    case "\u200c":
    case "\u200d":
      return (shows(before) || before === "\ufe0f") && shows(after);
    case "\ufe0e":
    case "\ufe0f":
      return shows(before) || (before !== undefined && "0123456789#*".includes(before) && after === "\u20e3");
    default:
      return false;
  }
}

/** The text with every character that acts instead of showing written as `\u{...}`. */
export function visible(text: string): string {
  if (!ACTS.test(text)) return text;
  const chars = [...text];
  return chars
    .map((c, i) =>
      acts(c) && !joins(chars[i - 1], c, chars[i + 1]) ? `\\u{${c.codePointAt(0)?.toString(16)}}` : c,
    )
    .join("");
}

const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)/i;

/** A stored name as the suggested name of a file: one file, in the folder where it is put, on every system. */
export function safeFile(name: string): string {
  let safe = [...name]
    .map((c) => (/[/\\:*?"<>|]/.test(c) ? "-" : ACTS.test(c) ? "_" : c))
    .join("")
    .slice(0, 100)
    .replace(/^[.\s]+|[.\s]+$/g, "");
  if (safe.startsWith("-")) safe = `_${safe.slice(1)}`;
  return safe === "" || DEVICE.test(safe) ? `_${safe}` : safe;
}
