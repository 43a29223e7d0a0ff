export function plotlyScript(): string;
