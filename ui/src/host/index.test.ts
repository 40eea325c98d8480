import { expect, test } from "vitest";
import { failure, withoutCommand } from ".";

test("command-line advice is removed from messages", () => {
  expect(withoutCommand("no pairs; `repartee import` and `repartee pairs build` make some, or --from")).toBe(
    "no pairs",
  );
  expect(withoutCommand("the disk is full; free some room")).toBe("the disk is full; free some room");
  const thrown = {
    code: "not-found",
    message: "there is no project at /a; `repartee new` makes one",
    detail: ["b"],
  };
  expect(failure(thrown)).toEqual({ code: "not-found", message: "there is no project at /a", detail: ["b"] });
  expect(failure(new Error("odd"))).toEqual({ code: "internal", message: "odd", detail: [] });
});
