import { describe, expect, it } from "vitest";
import { safeFile, visible } from "./visible";

describe("visible", () => {
  it("escapes characters that reorder or hide text", () => {
    expect(visible("plain, ümläut\nlines")).toBe("plain, ümläut\nlines");
    expect(visible("a\u202etxt.exe\u2069")).toBe("a\\u{202e}txt.exe\\u{2069}");
    expect(visible("a\u200bb\ufeff\u001b[2J\u{e0041}")).toBe("a\\u{200b}b\\u{feff}\\u{1b}[2J\\u{e0041}");
    expect(visible("pay\u200dpal")).toBe("pay\\u{200d}pal");
    expect(visible("a\u2800b\ufffe\u{13430}")).toBe("a\\u{2800}b\\u{fffe}\\u{13430}");
  });

  it("escapes marks that pile up or stand on nothing", () => {
    expect(visible("e\u0301\u0323")).toBe("e\u0301\u0323");
    expect(visible(`e${"\u0301".repeat(6)}x\u0301`)).toBe(`e${"\u0301".repeat(4)}\\u{301}\\u{301}x\u0301`);
    expect(visible("\u0338a \u0338")).toBe("\\u{338}a \\u{338}");
  });

  it("tells a typed escape from one of its own", () => {
    expect(visible("\\u{202e} C:\\users")).toBe("\\\\u{202e} C:\\users");
    expect(visible("\\\u202e")).toBe("\\\\\\u{202e}");
  });

  it("keeps emoji and joining scripts", () => {
    for (const text of ["\u{1f469}\u200d\u{1f4bb}", "\u2764\ufe0f", "1\ufe0f\u20e3", "\u0645\u200c\u062e"]) {
      expect(visible(text)).toBe(text);
    }
  });
});

describe("safeFile", () => {
  it("names a single file in its folder", () => {
    expect(safeFile("pairs-main.csv")).toBe("pairs-main.csv");
    expect(safeFile("../../.ssh/authorized_keys")).toBe("_..-.ssh-authorized_keys");
    expect(safeFile("/etc/passwd")).toBe("_etc-passwd");
    expect(safeFile("C:\\x")).toBe("C--x");
    expect(safeFile("..")).toBe("_");
    expect(safeFile("con.txt")).toBe("_con.txt");
    expect(safeFile("a\n\u202eb")).toBe("a__b");
  });
});
