/** The texts stand in `i18n/en.ts` and `i18n/zh.ts`: each key in both. */
export * from './i18n/index'
