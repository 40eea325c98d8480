// Untrusted text, displayed so that nothing in it hides or reorders the rest: a reviewer approves what they
// see. The command line does the same (crates/cli/src/terminal.rs).

/**
 * Control characters, line and paragraph separators, and default-ignorable code points such as bidi controls.
 */
const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;

const isInvisible = (c: string) => c !== "\n" && c !== "\t" && INVISIBLE.test(c);

/** Whether a character is visible and not ASCII, so that a joiner may follow or precede it. */
const isVisible = (c: string | undefined) =>
  c !== undefined && c > "\u007f" && !isInvisible(c) && c.trim() !== "";

/** Whether a joiner or variation selector has its proper use in emoji or a joining script. */
function joins(before: string | undefined, c: string, after: string | undefined): boolean {
  switch (c) {
    case "\u200c":
    case "\u200d":
      return (isVisible(before) || before === "\ufe0f") && isVisible(after);
    case "\ufe0e":
    case "\ufe0f":
      return (
        isVisible(before) || (before !== undefined && "0123456789#*".includes(before) && after === "\u20e3")
      );
    default:
      return false;
  }
}

/** Escapes invisible characters as `\u{...}`. */
export function visible(text: string): string {
  if (!INVISIBLE.test(text)) return text;
  const chars = [...text];
  return chars
    .map((c, i) =>
      isInvisible(c) && !joins(chars[i - 1], c, chars[i + 1]) ? `\\u{${c.codePointAt(0)?.toString(16)}}` : c,
    )
    .join("");
}

const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)/i;

/** Turns a stored name into a safe file name: one file in its folder, on every system. */
export function safeFile(name: string): string {
  let safe = [...name]
    .map((c) => (/[/\\:*?"<>|]/.test(c) ? "-" : INVISIBLE.test(c) ? "_" : c))
    .join("")
    .slice(0, 100)
    .replace(/^[.\s]+|[.\s]+$/g, "");
  if (safe.startsWith("-")) safe = `_${safe.slice(1)}`;
  return safe === "" || DEVICE.test(safe) ? `_${safe}` : safe;
}
