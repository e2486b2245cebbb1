// The theme: light, dark, or as the system is. The choice is kept in the browser.
const KEPT = 'leadhook.theme';
const THEMES = ['auto', 'light', 'dark'];
const listeners = new Set();

export const theme = () => {
  const kept = localStorage.getItem(KEPT);
  return THEMES.includes(kept) ? kept : 'auto';
};

/** Returns the one after this. */
export const nextTheme = () => THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];

export function setTheme(name) {
  if (name === 'auto') localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, name);
  apply();
}

/** Calls when colours have changed, for what a style sheet does not reach. */
export const onTheme = (listener) => listeners.add(listener);

function apply() {
  document.documentElement.dataset.theme = theme();
  for (const listener of listeners) listener();
}

apply();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
