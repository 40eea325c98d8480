// Binds shortcuts while a component is mounted.

import { bindKeys } from "./shortcuts";

export function keys(binding: Parameters<typeof bindKeys>[0]): void {
  $effect(() => bindKeys(binding));
}
