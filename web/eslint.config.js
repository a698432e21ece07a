import svelte from 'eslint-plugin-svelte'
import { defineConfig } from 'eslint/config'
import ts from 'typescript-eslint'
import svelteConfig from './svelte.config.js'

export default defineConfig(
  { ignores: ['dist', 'node_modules', '*.config.*'] },
  ts.configs.strictTypeChecked,
  svelte.configs.recommended,
  { languageOptions: { parserOptions: { project: ['tsconfig.json', 'tsconfig.worklet.json'], extraFileExtensions: ['.svelte'] } } },
  { files: ['**/*.svelte', '**/*.svelte.ts'], languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } } },
  {
    // svelte-check knows the types of props and snippets; ESLint sees `any` there
    files: ['**/*.svelte'],
    rules: { '@typescript-eslint/no-unsafe-argument': 'off' },
  },
  {
    rules: {
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-meaningless-void-operator': 'off', // an effect names what it depends on
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'svelte/no-at-html-tags': 'error',
      'no-restricted-properties': ['error', ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'srcdoc'].map((property) => ({ property }))],
    },
  },
)
