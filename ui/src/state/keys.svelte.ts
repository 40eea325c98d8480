// Binds shortcuts for as long as a component is shown.

import { bindKeys } from "./shortcuts";

export function keys(binding: Parameters<typeof bindKeys>[0]): void {
  $effect(() => bindKeys(binding));
}
