import { host } from "../../host";
import { showToast, toastError } from "../../state/toasts.svelte";

/** Runs an action and shows its error as a toast; returns whether it succeeded. */
export async function doing(what: string, act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (thrown) {
    toastError(what, thrown);
    return false;
  }
}

export const visit = (address: string) => doing("Could not open the link", () => host().openLink(address));

export const copy = (text: string, what: string) =>
  doing("Could not copy to the clipboard", async () => {
    await host().copy(text);
    showToast(`${what} copied to the clipboard.`, { tone: "good" });
  });

/** Unique entries of a list separated by lines or commas. */
export const listed = (typed: string): string[] => [
  ...new Set(
    typed
      .split(/[\n,]/)
      .map((one) => one.trim())
      .filter(Boolean),
  ),
];
