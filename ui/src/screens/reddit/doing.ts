// What several of Reddit's screens do alike.

import { host } from "../../host";
import { showToast, toastError } from "../../state/toasts.svelte";

/** Does something that has no form of its own, and says why it was not done. */
export async function doing(what: string, act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (thrown) {
    toastError(what, thrown);
    return false;
  }
}

/** Opens an address in the browser. */
export const visit = (address: string) => doing("Could not open the link", () => host().openLink(address));

export const copy = (text: string, what: string) =>
  doing("Could not copy to the clipboard", async () => {
    await host().copy(text);
    showToast(`${what} is on the clipboard.`, { tone: "good" });
  });

/** Words of a list, one a line or with commas between them, each once. */
export const listed = (typed: string): string[] => [
  ...new Set(
    typed
      .split(/[\n,]/)
      .map((one) => one.trim())
      .filter(Boolean),
  ),
];
