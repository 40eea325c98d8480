import { fireEvent } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { byId, openWindow, press } from "../../testing";

test("invisible characters in a reply are escaped", async () => {
  await openWindow("#/queue");
  await byId("board");
  press("j");
  await byId("open-reply");
  press("e");
  await fireEvent.input(await byId("reply-text"), {
    target: { value: "send \u202egnihton\u2069 \u200bhere" },
  });
  await fireEvent.click(await byId("reply-save"));
  await expect
    .poll(async () => (await byId("reply-shown")).textContent)
    .toBe("send \\u{202e}gnihton\\u{2069} \\u{200b}here");
});
