"""One network of each family, with random weights: right, or refused for a true reason.

The smallest member stands for its family. In a network as it is made, norms do nothing and heads
may be zero, so that much would look right that is not: `lived_in` gives them numbers first.
"""

import pytest
import torch
import torchvision
from torch import nn

from utils import cam
from utils.gradcam import explain
from utils.networks import NotACamNetwork, cam_network

TORCHVISION = """
    resnet18 resnext50_32x4d wide_resnet50_2 googlenet inception_v3 mobilenet_v2 mnasnet0_5
    shufflenet_v2_x0_5 shufflenet_v2_x1_0 efficientnet_b0 efficientnet_v2_s regnet_x_400mf
    regnet_y_400mf densenet121 swin_t swin_v2_t squeezenet1_0 squeezenet1_1
"""
TIMM = """
    botnet26t_256 halonet26t eca_resnext26ts gernet_s repvgg_a0 cs3darknet_focus_s cspnext_tiny
    dla46_c dpn48b tf_efficientnet_b0 mobilenetv2_035 tinynet_e mixnet_s fastvit_t8 gcvit_xxtiny
    hrnet_w18_small coatnet_nano_rw_224 resmlp_12_224 mixer_s32_224 gmlp_ti16_224 mobilevit_xxs
    mobilevitv2_050 nf_regnet_b0 pvt_v2_b0 regnety_002 regnetz_b16 resnest14d resnet10t seresnet18
    resnetv2_18 rexnet_100 selecsls42 legacy_seresnet18 skresnet18 starnet_s050
    swin_tiny_patch4_window7_224 twins_svt_small visformer_tiny ese_vovnet19b_slim_dw
"""
FLAT, TOKENS, MORE = "which are flattened", "tokens or single cells", "more between its pooling"
HEADS = "adds up the scores of several linear layers"
TORCHVISION_REFUSED = {
    FLAT: "alexnet vgg11 vgg11_bn",
    TOKENS: "vit_b_32",  # the class token alone meets the head
    MORE: "mobilenet_v3_small mobilenet_v3_large convnext_tiny maxvit_t",  # layers, norms
}
TIMM_REFUSED = {
    TOKENS: """cait_xxs24_224 coat_lite_tiny convit_tiny deit_tiny_patch16_224 pit_ti_224
        tnt_s_patch16_224 volo_d1_224 xcit_nano_12_p16_224 vit_tiny_r_s16_p8_224""",
    MORE: """convnext_atto cpubone_b0_bfrobust davit_tiny edgenext_xx_small efficientvit_b0
        efficientvit_m0 fasternet_t0 ghostnet_050 hardcorenas_a hgnetv2_b0 hiera_tiny_224 iformer_t
        inception_next_atto lcnetv2_small lowformer_b0 mambaout_femto poolformer_s12
        mobilenetv3_small_050 mobilenetv4_conv_small rdnet_tiny repghostnet_050 shvit_s1
        tiny_vit_5m_224 csatv2""",
    HEADS: """crossvit_9_240 deit_tiny_distilled_patch16_224 efficientformer_l1
        efficientformerv2_s0 efficientvim_m1 levit_128s repvit_m0_9 swiftformer_xs""",
}


def named(refused):
    return [(name, why) for why, names in refused.items() for name in names.split()]


def lived_in(model):
    """As if it had been trained: norms with statistics, no head of zeros."""
    g = torch.Generator().manual_seed(0)
    for p in model.parameters():
        if p.ndim > 1 and not p.any():
            nn.init.normal_(p, std=0.02, generator=g)
    for m in model.modules():
        if getattr(m, "running_var", None) is not None:
            nn.init.normal_(m.running_mean, std=0.1, generator=g)
            nn.init.uniform_(m.running_var, 0.7, 1.4, generator=g)
    return model.eval()


def from_torchvision(name):
    torch.manual_seed(0)
    slow = name.startswith(("googlenet", "inception", "vgg"))  # to make up their own weights
    quick = {"init_weights": False} if slow else {}
    return lived_in(torchvision.models.get_model(name, weights=None, **quick))


def from_timm(name):
    timm = pytest.importorskip(
        "timm", reason="timm's families were not tried: pip install timm into this environment"
    )
    torch.manual_seed(0)
    model = lived_in(timm.create_model(name, pretrained=False))
    return model, model.pretrained_cfg["input_size"][-1]


def right(model, *size):
    """Two pictures that were not seen in the trial: S = pool(M) + b, and S is the model's own."""
    net, x = cam_network(model), torch.randn(2, 3, *size)
    p = net.forward_pass(x)
    S, M = net(x)
    scale = float(S.abs().max())
    assert scale > 0 and p.pooling == "mean" and min(M.shape[2:]) > 1
    assert M.shape[:2] == (2, 1000)
    left = S - cam.pool(M, p.pooling) - (0 if p.b is None else p.b)
    assert float(left.abs().max()) <= 1e-4 * scale
    with torch.no_grad():
        assert float((model(x) - S).abs().max()) <= 1e-4 * scale


def refused(model, why):
    with pytest.raises(NotACamNetwork) as error:
        cam_network(model)
    said = str(error.value)
    assert why in said and said.startswith(type(model).__name__)
    assert "Grad-CAM" in said and "resnet18" in said


@pytest.mark.parametrize("name", TORCHVISION.split())
def test_torchvision_right(name):
    right(from_torchvision(name), 128, 160)  # not square: nothing may depend on it


@pytest.mark.parametrize(("name", "why"), named(TORCHVISION_REFUSED))
def test_torchvision_refused(name, why):
    refused(from_torchvision(name), why)


@pytest.mark.parametrize("name", TIMM.split())
def test_timm_right(name):
    model, side = from_timm(name)
    right(model, side, side)


@pytest.mark.parametrize(("name", "why"), named(TIMM_REFUSED))
def test_timm_refused(name, why):
    refused(from_timm(name)[0], why)


@pytest.mark.parametrize("name", ["deit_tiny_patch16_224", "convit_tiny", "efficientformerv2_s0"])
def test_timm_gets_grad_cam_instead(name):
    model, side = from_timm(name)
    e = explain(model, torch.randn(1, 3, side, side), 7)
    assert e.method == "Grad-CAM" and e.maps.isfinite().all() and e.maps.shape[1] > 1


def test_there_are_enough_of_them():
    assert len(TORCHVISION.split()) + len(named(TORCHVISION_REFUSED)) >= 25
    assert len(TIMM.split()) + len(named(TIMM_REFUSED)) >= 40
