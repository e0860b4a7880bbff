from .config import (
    GRADNORM as GRADNORM,
    NASWOT as NASWOT,
    NUM_LAYERS as NUM_LAYERS,
    PROXIES as PROXIES,
    SNIP as SNIP,
    SYNFLOW as SYNFLOW,
    ZICO as ZICO,
    ProxiesConfig as ProxiesConfig,
)
from .gradients import gradnorm as gradnorm, snip as snip, synflow as synflow, zico as zico
from .measuring import (
    Batch as Batch,
    Build as Build,
    Proxies as Proxies,
    ProxyRecord as ProxyRecord,
    check_images as check_images,
    proxy_batches as proxy_batches,
    proxy_values as proxy_values,
)
from .naswot import naswot as naswot
