import { language } from '../language.svelte'

/** The locale for dates: the browser's own of the page's language, such as `en-GB`. */
export function locale(): string {
  return navigator.languages.find((each) => each.toLowerCase().startsWith(language())) ?? (language() === 'zh' ? 'zh-CN' : 'en')
}
