# Build with: docker build -t viaduct .
# Run with:   docker run -v ./config:/config:ro -v viaduct-data:/data viaduct

FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No install scripts: the only one downloads a second Node, which the image has.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
COPY bridges bridges
RUN PATH="/build/node_modules/.bin:$PATH" node scripts/build.ts && npm prune --omit=dev --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production \
    VIADUCT_STORE__PATH=/data
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
# The process exits when it cannot go on, and reconnects by itself when the XMPP server is away: nothing to probe here.
HEALTHCHECK NONE
ENTRYPOINT ["node", "--max-semi-space-size=8", "dist/src/cli.js"]
CMD ["run", "--config", "/config/viaduct.yaml"]
