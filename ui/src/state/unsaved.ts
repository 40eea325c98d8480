// Editors with unsaved changes. While there is one, shortcuts are off: a key press was probably meant for the
// editor.

const editors = new Set<() => boolean>();

/** Returns a function that stops watching the editor. */
export function watchEditor(isDirty: () => boolean): () => void {
  editors.add(isDirty);
  return () => {
    editors.delete(isDirty);
  };
}

export const hasUnsaved = (): boolean => [...editors].some((isDirty) => isDirty());
