export * from './en'
export * from './zh'
