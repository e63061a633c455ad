# The platform as a container: `docker build -t dataflow-platform .`; docker-compose.yml adds what watches it.
FROM node:20.20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No dependency needs its install script: their binaries are in the packages.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
COPY page ./page
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20.20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
# Made here, so that a new volume belongs to the user that writes into it.
RUN mkdir data out && chown node:node data out
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY config ./config
USER node
VOLUME ["/app/data", "/app/out"]
EXPOSE 9095
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9095/-/healthy').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# exec: the platform gets the SIGTERM of `docker stop` itself and lets the batch in progress finish.
CMD ["sh", "-c", "exec node dist/cli/main.js run --keep-serving config/pipelines/*.yaml"]
