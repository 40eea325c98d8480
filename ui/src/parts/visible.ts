// Untrusted text, displayed so that nothing in it hides, repaints or reorders the rest: a reviewer approves what they
// see. The command line does the same (crates/terms/src/visible.rs).

/**
 * Control characters, line and paragraph separators, default-ignorable code points such as bidi controls,
 * noncharacters, fillers, spaces of unusual width, and controls of hieroglyphs.
 */
const INVISIBLE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u1680\u2000-\u200a\u205f\u2800\ufff9-\ufffc\u{13430}-\u{1345f}]|\u{16fe4}|\u{1d159}/u;

const MARK = /\p{M}/u;

/** Most combining marks on one character: a taller stack paints over the lines above and below. */
const MARKS = 4;

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

/**
 * Escapes invisible characters, and combining marks that are too many or have nothing to stand on, as `\u{...}`.
 * Backslashes before such an escape, or what reads like one, are doubled: no two texts are shown alike.
 */
export function visible(text: string): string {
  const chars = [...text];
  let shown = "";
  let before: string | undefined;
  // How many more marks the character before can take.
  let room = 0;
  let backslashes = 0;
  for (const [i, c] of chars.entries()) {
    const after = chars[i + 1];
    const joined = joins(before, c, after);
    const mark = !joined && MARK.test(c);
    const hides = !joined && (isInvisible(c) || (mark && room === 0));
    if (hides || (c === "u" && after === "{")) shown += "\\".repeat(backslashes);
    shown += hides ? `\\u{${c.codePointAt(0)?.toString(16)}}` : c;
    if (hides || c.trim() === "" || c === "\\") room = 0;
    else if (mark) room -= 1;
    else if (!joined) room = MARKS;
    before = hides ? undefined : c;
    backslashes = c === "\\" ? backslashes + 1 : 0;
  }
  return shown;
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
