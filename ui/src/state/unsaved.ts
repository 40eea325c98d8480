// Editors with words that nobody has saved. While there is one, a key means a letter that went astray, not a
// command: shortcuts are off until the words are saved or discarded.

const editors = new Set<() => boolean>();

/** Watches an editor; gives a function that ends it. */
export function watchEditor(isDirty: () => boolean): () => void {
  editors.add(isDirty);
  return () => {
    editors.delete(isDirty);
  };
}

/** Whether some editor has words that are not saved. */
export const hasUnsaved = (): boolean => [...editors].some((isDirty) => isDirty());
