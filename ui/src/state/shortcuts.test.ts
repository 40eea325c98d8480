import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bindKeys, press, SHORTCUTS } from "./shortcuts";

let free: (() => void)[] = [];
const bind = (binding: Parameters<typeof bindKeys>[0]) => free.push(bindKeys(binding));

beforeEach(() => {
  document.body.innerHTML = "<input type='text'><button></button>";
});
afterEach(() => {
  for (const release of free) release();
  free = [];
});

function type(key: string, more: KeyboardEventInit = {}, on: Element = document.body): boolean {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  let ran = false;
  on.addEventListener("keydown", (pressed) => (ran = press(pressed as KeyboardEvent)), { once: true });
  on.dispatchEvent(event);
  return ran;
}

test("a two-key shortcut needs its keys in sequence", () => {
  const go = vi.fn();
  bind({ "go.queue": go });
  type("g");
  type("x");
  type("q");
  expect(go).not.toHaveBeenCalled();
  type("g");
  type("q");
  expect(go).toHaveBeenCalledOnce();
});

test("letters typed in a field are text; shortcuts with inFields still work", () => {
  const [help, run] = [vi.fn(), vi.fn()];
  bind({ help, run });
  const field = document.querySelector("input") as HTMLInputElement;
  expect(type("?", {}, field)).toBe(false);
  expect(type("Enter", { ctrlKey: true }, field)).toBe(true);
  expect(help).not.toHaveBeenCalled();
  expect(run).toHaveBeenCalledOnce();
});

test("the most recent binding wins until it is released", () => {
  const [outer, inner] = [vi.fn(), vi.fn()];
  bind({ new: outer });
  const release = bindKeys({ new: inner });
  type("n");
  release();
  type("n");
  expect(inner).toHaveBeenCalledOnce();
  expect(outer).toHaveBeenCalledOnce();
});

test("an open dialog blocks shortcuts", () => {
  const go = vi.fn();
  bind({ new: go });
  document.body.append(Object.assign(document.createElement("dialog"), { open: true }));
  expect(type("n")).toBe(false);
  expect(go).not.toHaveBeenCalled();
});

test("other modifiers are ignored", () => {
  const go = vi.fn();
  bind({ new: go });
  expect(type("n", { altKey: true })).toBe(false);
  expect(type("n", { metaKey: true })).toBe(false);
});

test("shortcuts within one scope have distinct keys", () => {
  const seen = new Set<string>();
  for (const { keys, where } of Object.values(SHORTCUTS)) {
    expect(seen.has(`${where} ${keys}`), `${where} ${keys}`).toBe(false);
    seen.add(`${where} ${keys}`);
    // a global shortcut must not shadow a local one
    if (where !== "Everywhere") expect(seen.has(`Everywhere ${keys}`), keys).toBe(false);
  }
});
