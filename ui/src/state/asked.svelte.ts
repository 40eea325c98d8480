// Dialogs that an address opens, as `#/models?new=1`.

import { untrack } from "svelte";
import { route } from "./route.svelte";

/** Runs `open` with the value of a key of the address, also if the screen is already shown. */
export function whenAsked(key: string, open: (value: string) => void): void {
  $effect(() => {
    const value = route.query.get(key);
    if (value !== null) untrack(() => open(value));
  });
}
